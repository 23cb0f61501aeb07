-- The comma is one too many.
CREATE TABLE bad (
  id int PRIMARY KEY,
);
