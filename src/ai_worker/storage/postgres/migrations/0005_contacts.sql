-- Who contacts are, which of them are one person, and who said what in a group. Nothing is taken away.
-- oldest: 1

-- What the platforms' directories say, and what administrators know. Contacts of whom neither says anything have no row.
CREATE TABLE contact (
    channel text NOT NULL,
    id text NOT NULL,
    name text,
    department text,
    looked_up_at bigint,                -- NULL: the directory was never asked, or has said nothing
    person_id text,                     -- the same for all contacts that are one person; NULL: nobody has said so
    at bigint NOT NULL,                 -- when it was looked up or linked last: what is old and unused is forgotten
    PRIMARY KEY (channel, id)
);
CREATE INDEX contact_of_person ON contact (person_id) WHERE person_id IS NOT NULL;
CREATE INDEX contact_by_age ON contact (at);

ALTER TABLE conversation ADD COLUMN grouped boolean NOT NULL DEFAULT false;
ALTER TABLE conversation ADD COLUMN group_name text NOT NULL DEFAULT '';
CREATE INDEX conversation_of_contact ON conversation (channel, contact_id) WHERE NOT standalone AND NOT grouped;

-- NULL: accepted by a version that did not keep it. The version before says `contact_id` where it joins the two
-- tables, and means the other one's; so this one has a name of its own.
ALTER TABLE inbound ADD COLUMN said_by text;
