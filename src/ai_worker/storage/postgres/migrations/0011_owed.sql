-- Answers that are owed: messages that were held while the model was down, which newer ones need not wait behind.
-- oldest: 1

ALTER TABLE inbound ADD COLUMN owed text;               -- JSON: what was asked back when it was said, or null; NULL: it is not owed
ALTER TABLE conversation ADD COLUMN owed_at bigint;     -- when what is owed is tried again; NULL: nothing is
