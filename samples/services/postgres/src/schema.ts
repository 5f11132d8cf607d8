// The participant's own tables, in the database that it acts on: what a step's prepared transaction says of itself must be
// committed, or vanish, with it.
export const schema = 'concordat_participant';

// `role`: whom the service logs in as; it needs to read and write these tables, and to make none.
export function schemaFor(role: string): string {
  return `CREATE SCHEMA IF NOT EXISTS ${schema};

-- Whose tables these are: another participant must not act on them.
CREATE TABLE IF NOT EXISTS ${schema}.identity (
  one  boolean PRIMARY KEY DEFAULT true CHECK (one),
  name text NOT NULL
);

-- Each number's first request, and the answer to it, once it is decided. Until then the call is kept, to go on with.
CREATE TABLE IF NOT EXISTS ${schema}.requests (
  account text NOT NULL,
  number  numeric(20) NOT NULL,
  request text NOT NULL,
  call    text,
  since   timestamptz NOT NULL,
  answer  text,
  PRIMARY KEY (account, number),
  CHECK ((call IS NULL) <> (answer IS NULL))
);
CREATE INDEX IF NOT EXISTS requests_undecided ON ${schema}.requests (since) WHERE answer IS NULL;

-- What is decided of a step; written before it is done. 'number' is that of the try whose transaction it is, if any.
CREATE TABLE IF NOT EXISTS ${schema}.steps (
  account     text NOT NULL,
  step        text NOT NULL,
  state       text NOT NULL CHECK (state IN ('trying', 'reserved', 'committed', 'undone', 'expired')),
  number      numeric(20),
  operation   text,
  holds_until timestamptz,
  PRIMARY KEY (account, step)
);

-- Written inside each prepared transaction: it is here exactly if that transaction was committed.
CREATE TABLE IF NOT EXISTS ${schema}.committed (
  transaction text PRIMARY KEY
);

GRANT USAGE ON SCHEMA ${schema} TO ${role};
GRANT SELECT, INSERT ON ${schema}.identity, ${schema}.committed TO ${role};
GRANT SELECT, INSERT, UPDATE ON ${schema}.requests TO ${role};
GRANT SELECT, INSERT, UPDATE, DELETE ON ${schema}.steps TO ${role};
`;
}
