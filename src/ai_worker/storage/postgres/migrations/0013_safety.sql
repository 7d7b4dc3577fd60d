-- Who had a business system called, and in which turn; how many questions for a word are open. Expand only.
-- oldest: 1

ALTER TABLE connector_call ADD COLUMN asker text NOT NULL DEFAULT '';     -- for whom: channel/id, or an administrator
ALTER TABLE connector_call ADD COLUMN turn_id text NOT NULL DEFAULT '';   -- the turn that made it; '': none did
ALTER TABLE turn ADD COLUMN tainted boolean;    -- the reply may repeat what gives nobody orders; NULL: nobody knows
CREATE INDEX approval_of_asker ON approval (channel, contact_id, expires_at);
CREATE INDEX approval_in_conversation ON approval (channel, conversation_key, expires_at);
