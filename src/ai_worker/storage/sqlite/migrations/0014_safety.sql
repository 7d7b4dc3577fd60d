-- Who had a business system called, and in which turn; how many questions for a word are open. Expand only.
-- oldest: 1

ALTER TABLE connector_call ADD COLUMN asker TEXT NOT NULL DEFAULT '';     -- for whom: channel/id, or an administrator
ALTER TABLE connector_call ADD COLUMN turn_id TEXT NOT NULL DEFAULT '';   -- the turn that made it; '': none did
CREATE INDEX approval_of_asker ON approval (channel, contact_id, expires_at);
CREATE INDEX approval_in_conversation ON approval (channel, conversation_key, expires_at);
