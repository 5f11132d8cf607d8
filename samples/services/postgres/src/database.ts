// The database, as far as a participant needs it: sessions that are alone with an account, and what its errors mean.
import { createHash } from 'node:crypto';
import pg from 'pg';
import { Problem } from '../../participant/src/problem.js';

export type Client = pg.PoolClient;
export type Row = Record<string, unknown>;

// Whatever the driver makes of values, here they are text: numbers are larger than JavaScript's.
export async function rows(client: Client, text: string, values: unknown[] = []): Promise<Row[]> {
  return (await client.query(text, values)).rows as Row[];
}

// Changes a table; two of them, of different tables, can be one statement, and so are done together or not at all.
export interface Change {
  text: string; // with $1, $2 …
  values: unknown[];
}

export async function apply(client: Client, change: Change, other?: Change): Promise<void> {
  if (other === undefined) {
    await client.query(change.text, change.values);
    return;
  }
  const text = change.text.replace(/\$([0-9]+)/g, (_, n: string) => `$${Number(n) + other.values.length}`);
  await client.query(`WITH other AS (${other.text}) ${text}`, [...other.values, ...change.values]);
}

// What an error of a statement says about asking again.
//   refused: the same will be refused the next time too   busy: it may go well when others have ended
//   broken: whether it was done is not known
export type Meaning = 'refused' | 'busy' | 'broken';

export function meaningOf(error: unknown): Meaning {
  const code = error instanceof pg.DatabaseError ? (error.code ?? '') : '';
  // Locks, deadlocks, time-outs and lost races; no room: memory, disk, connections, prepared transactions.
  if (/^(40001|40P01|55P03|57014|53...)$/.test(code)) return 'busy';
  if (code === '' || /^(08|25P|57|58|XX|F0)/.test(code)) return 'broken';
  return 'refused';
}

const waiting = 64; // requests of one account
const lockWait = 2_000;

// Apart from what the database's own software may lock: an advisory lock's key is any 64 bits.
function lockOf(account: string): string {
  return createHash('sha256').update(`concordat participant ${account}`).digest().readBigInt64BE().toString();
}

export class Database {
  private readonly pool: pg.Pool;
  private readonly known = new WeakSet<Client>(); // sessions that are ready
  private readonly queues = new Map<string, { tail: Promise<unknown>; length: number }>();

  constructor(
    private readonly program: string,
    url: string,
  ) {
    this.pool = new pg.Pool({
      connectionString: url,
      application_name: `concordat ${program}`,
      max: 8,
      connectionTimeoutMillis: 3_000,
      query_timeout: 10_000,
    });
    // A session may end at any time, in use or not. What it was used for hears of it at its next query.
    const log = (error: Error) => console.error(`${this.program}: the database: ${error.message}`);
    this.pool.on('error', log);
    this.pool.on('connect', (client) => client.on('error', log));
  }

  close(): Promise<void> {
    return this.pool.end();
  }

  async read(text: string, values: unknown[] = []): Promise<Row[]> {
    return (await this.pool.query(text, values)).rows as Row[];
  }

  // One after the other for each account, here and in every other process: two requests for one number, or for one step,
  // must not pass each other. The lock is the session's that also does the work: while a session whose process was
  // killed still carries out what it was told last, nobody can think that it was not done.
  async alone<T>(account: string, work: (client: Client) => Promise<T>): Promise<T> {
    const queue = this.queues.get(account) ?? { tail: Promise.resolve(), length: 0 };
    if (queue.length >= waiting) throw new Problem(503, '/account', `has ${waiting} requests waiting already`);
    this.queues.set(account, queue);
    ++queue.length;
    const done = queue.tail.then(() => this.locked(account, work));
    queue.tail = done.catch(() => undefined).then(() => {
      if (--queue.length === 0) this.queues.delete(account);
    });
    return done;
  }

  private async locked<T>(account: string, work: (client: Client) => Promise<T>): Promise<T> {
    const client = await this.pool.connect();
    // A session that failed is not used again: what it still holds, or is still doing, ends with it.
    let good = false;
    try {
      await this.ready(client);
      await client.query('SELECT pg_advisory_lock($1)', [lockOf(account)]);
      const result = await work(client);
      await client.query('SELECT pg_advisory_unlock($1)', [lockOf(account)]);
      good = true;
      return result;
    } finally {
      client.release(!good);
    }
  }

  // What was answered must be on the disk, whatever the database's own settings.
  private async ready(client: Client): Promise<void> {
    if (this.known.has(client)) return;
    this.known.add(client);
    await client.query(
      `SELECT set_config('lock_timeout', '${lockWait}', false), set_config('statement_timeout', '8000', false),
              set_config('idle_in_transaction_session_timeout', '10000', false),
              set_config('tcp_keepalives_idle', '10', false), set_config('tcp_keepalives_interval', '5', false),
              set_config('tcp_keepalives_count', '3', false),
              CASE WHEN current_setting('synchronous_commit') = 'off' THEN set_config('synchronous_commit', 'on', false) END`,
    );
  }
}
