// A try: the operation's statements in a transaction that is prepared, and so stays possible to commit and to roll back.
import { meaningOf } from './database.js';
import type { Client } from './database.js';
import type { Operation, Statement } from './operations.js';
import { schema } from './schema.js';
import type { Bound } from './types.js';

// All statements of a try together: an exchange may take five seconds, and what is left then is asked for again.
const budget = 2_500;
const lockBudget = 700;

export type Tried = { status: 'prepared' } | { status: 'refused'; detail: string } | { status: 'busy'; detail: string };

class Refused extends Error {}

// Which rule of the database said no. Its whole text is for the operator's log only: it may quote rows that are nobody
// else's business.
function detailOf(error: unknown, operation: Operation, where: string): string {
  const of = error as { code?: string; constraint?: string; message: string };
  const said = of.constraint === undefined ? undefined : operation.refusals.get(of.constraint);
  if (said !== undefined) return said;
  if (of.constraint !== undefined) return `${where} is refused by ${of.constraint}`;
  if (of.code === 'P0001') return of.message;
  return `${where} is refused (SQLSTATE ${of.code ?? 'unknown'})`;
}

async function perform(client: Client, statement: Statement, values: Map<string, Bound>, where: string): Promise<void> {
  // Extended: one statement only, also where it has no parameters.
  const query = { text: statement.text, values: statement.parameters.map((name) => values.get(name)), queryMode: 'extended' };
  const { rowCount } = await client.query(query);
  if (statement.rows !== undefined && rowCount !== statement.rows) {
    throw new Refused(statement.otherwise ?? `${where} touched ${rowCount ?? 0} rows, not ${statement.rows}`);
  }
}

// `name`: of the transaction, for good; it is made of letters, digits and -_:/ only.
export async function prepareTry(
  client: Client,
  operation: Operation,
  values: Map<string, Bound>,
  name: string,
  log: (text: string) => void,
): Promise<Tried> {
  const end = Date.now() + budget;
  let where = 'the transaction';
  try {
    const limit = (left: number) => `SET LOCAL statement_timeout = ${left}; SET LOCAL lock_timeout = ${Math.min(left, lockBudget)}`;
    await client.query(`BEGIN; ${limit(budget)}; INSERT INTO ${schema}.committed (transaction) VALUES ('${name}')`);
    for (const [i, statement] of operation.statements.entries()) {
      where = `${operation.name}/statements/${i}`;
      if (i > 0) await client.query(limit(Math.max(1, end - Date.now())));
      await perform(client, statement, values, where);
    }
    where = 'the whole';
    // Deferred constraints are checked here.
    const { command } = await client.query(`PREPARE TRANSACTION '${name}'`);
    if (command !== 'PREPARE') throw new Refused(`${where} is refused: its transaction was given up`);
    return { status: 'prepared' };
  } catch (error) {
    const meaning = error instanceof Refused ? 'refused' : meaningOf(error);
    if (meaning === 'broken') throw error;
    await client.query('ROLLBACK');
    if (!(error instanceof Refused)) log(`${where}: ${(error as Error).message}`);
    if (error instanceof Refused) return { status: 'refused', detail: error.message };
    return { status: meaning, detail: detailOf(error, operation, where) };
  }
}

// Whether the database takes the statements at all: what it says of tables, columns and types. Throws, naming the statement.
export async function checkStatements(client: Client, operation: Operation): Promise<void> {
  for (const [i, statement] of operation.statements.entries()) {
    const name = `concordat_check_${i}`;
    try {
      await client.query(`PREPARE ${name} AS ${statement.text}`);
      await client.query(`DEALLOCATE ${name}`);
    } catch (error) {
      if (meaningOf(error) === 'broken') throw error;
      throw new Error(`operations/${operation.name}/statements/${i}/sql: ${(error as Error).message}`);
    }
  }
}
