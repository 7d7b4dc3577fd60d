-- Who contacts are, which of them are one person, and who said what in a group. Nothing is taken away.
-- oldest: 1

-- What the platforms' directories say, and what administrators know. Contacts of whom neither says anything have no row.
CREATE TABLE contact (
    channel TEXT NOT NULL,
    id TEXT NOT NULL,
    name TEXT,
    department TEXT,
    looked_up_at INTEGER,               -- NULL: the directory was never asked, or has said nothing
    person_id TEXT,                     -- the same for all contacts that are one person; NULL: nobody has said so
    at INTEGER NOT NULL,                -- when it was looked up or linked last: what is old and unused is forgotten
    PRIMARY KEY (channel, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX contact_of_person ON contact (person_id) WHERE person_id IS NOT NULL;
CREATE INDEX contact_by_age ON contact (at);

ALTER TABLE conversation ADD COLUMN grouped INTEGER NOT NULL DEFAULT 0;
ALTER TABLE conversation ADD COLUMN group_name TEXT NOT NULL DEFAULT '';
CREATE INDEX conversation_of_contact ON conversation (channel, contact_id) WHERE standalone = 0 AND grouped = 0;

-- NULL: accepted by a version that did not keep it. The version before says `contact_id` where it joins the two
-- tables, and means the other one's; so this one has a name of its own.
ALTER TABLE inbound ADD COLUMN said_by TEXT;
