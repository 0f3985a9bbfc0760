-- What people change while a batch runs, as the journal tells it. Written by the projector alone.

ALTER TABLE batches ADD COLUMN taken_back INTEGER;  -- journal; token of the start that was taken back
ALTER TABLE boxes ADD COLUMN code TEXT;  -- journal; what people call the box

-- The box that stands at a chute by the word of a person, whether or not anything is in it yet.
CREATE TABLE standing_boxes (
    chute INTEGER PRIMARY KEY,
    code TEXT NOT NULL
) STRICT;
