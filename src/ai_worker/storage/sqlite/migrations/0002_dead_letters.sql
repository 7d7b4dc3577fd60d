-- Dead letters that a person decided about, and the indexes by which they are listed and old rows are found.
-- oldest: 1

ALTER TABLE inbound ADD COLUMN dropped_at INTEGER;   -- a dead message was put away for good
ALTER TABLE outbound ADD COLUMN dropped_at INTEGER;  -- an undeliverable reply was put away for good

CREATE INDEX inbound_letters ON inbound (received_at) WHERE state = 'dead' AND dropped_at IS NULL;
CREATE INDEX outbound_letters ON outbound (created_at)
    WHERE state IN ('failed', 'unknown', 'expired') AND dropped_at IS NULL AND kind <> 'holding';
CREATE INDEX outbound_by_age ON outbound (created_at) WHERE turn_id IS NULL;
