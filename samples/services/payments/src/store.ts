// Accounts, reservations and answers in PostgreSQL. Whatever a request does, and the answer to it, are one database
// transaction: a crash at any instant leaves both or neither.
import pg from 'pg';
import { reserve, take, giveBack, expire } from './payments.js';
import { Problem } from '../../participant/src/problem.js';
import type { Outcome, Request, Signer } from '../../participant/src/protocol.js';
import type { Decider, Found } from '../../participant/src/server.js';

const schema = `
  CREATE TABLE IF NOT EXISTS accounts (
    name    text PRIMARY KEY,
    balance numeric(24, 6) NOT NULL CHECK (balance >= 0),
    held    numeric(24, 6) NOT NULL DEFAULT 0 CHECK (held >= 0 AND held <= balance)
  );
  -- A step's reservation. One that was undone before it was made has no payment, and is never made.
  CREATE TABLE IF NOT EXISTS steps (
    caller      text NOT NULL,
    step        text NOT NULL,
    state       text NOT NULL CHECK (state IN ('reserved', 'paid', 'undone', 'expired')),
    payer       text REFERENCES accounts,
    payee       text REFERENCES accounts,
    amount      numeric(24, 6) CHECK (amount > 0),
    reference   text,
    holds_until timestamptz,
    PRIMARY KEY (caller, step)
  );
  CREATE INDEX IF NOT EXISTS steps_that_expire ON steps (holds_until) WHERE state = 'reserved';
  CREATE TABLE IF NOT EXISTS answers (
    caller  text NOT NULL,
    number  numeric(20) NOT NULL,
    request text NOT NULL,
    answer  text NOT NULL,
    PRIMARY KEY (caller, number)
  );`;

export type Client = pg.PoolClient;

export class Store implements Decider {
  private readonly pool: pg.Pool;

  constructor(
    url: string,
    private readonly holdMinutes: number,
  ) {
    this.pool = new pg.Pool({
      connectionString: url,
      max: 8,
      connectionTimeoutMillis: 5_000,
      statement_timeout: 5_000,
      query_timeout: 6_000,
    });
    // A session may end at any time, in use or not. What it was used for hears of it at its next query.
    const log = (error: Error) => console.error(`payments: the database: ${error.message}`);
    this.pool.on('error', log);
    this.pool.on('connect', (client) => client.on('error', log));
  }

  // Two that start at once would both make the tables.
  prepare(): Promise<void> {
    return this.atomic(async (client) => {
      await client.query('SELECT pg_advisory_xact_lock(5202)');
      await client.query(schema);
    });
  }

  close(): Promise<void> {
    return this.pool.end();
  }

  private async atomic<T>(work: (client: Client) => Promise<T>): Promise<T> {
    const client = await this.pool.connect();
    let broken = false;
    try {
      await client.query('BEGIN');
      const result = await work(client);
      await client.query('COMMIT');
      return result;
    } catch (error) {
      await client.query('ROLLBACK').catch(() => (broken = true));
      throw error;
    } finally {
      client.release(broken);
    }
  }

  async find(account: string, number: string): Promise<Found> {
    const found = await this.pool.query('SELECT answer FROM answers WHERE caller = $1 AND number = $2', [account, number]);
    const row = found.rows[0];
    return row === undefined ? { status: 'unused' } : { status: 'answered', answer: row.answer };
  }

  // The first request of a number decides; each later one hears the same answer.
  decide(request: Request, signer: Signer): Promise<string> {
    return this.atomic(async (client) => {
      // One after the other for each caller: two requests for one number, or for one step, must not pass each other.
      await client.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [request.account]);
      const known = await client.query('SELECT request, answer FROM answers WHERE caller = $1 AND number = $2', [
        request.account,
        request.number,
      ]);
      const row = known.rows[0];
      if (row !== undefined) {
        if (row.request !== request.digest) throw new Problem(409, '/call', 'is not the one that this number had first');
        return row.answer as string;
      }
      const time = new Date();
      const outcome = await this.act(client, request, time);
      const answer = await signer.answer(request, outcome, time);
      await client.query('INSERT INTO answers (caller, number, request, answer) VALUES ($1, $2, $3, $4)', [
        request.account,
        request.number,
        request.digest,
        answer,
      ]);
      return answer;
    });
  }

  private act(client: Client, request: Request, time: Date): Promise<Outcome> | Outcome {
    if (request.purpose === 'cancel') return { fate: 'cancelled' };
    switch (request.call.role) {
      case 'call':
        return reserve(client, request, this.holdMinutes === 0 ? undefined : new Date(+time + this.holdMinutes * 60_000));
      case 'commit':
        return take(client, request.account, request.call.step, time);
      case 'undo':
        return giveBack(client, request.account, request.call.step);
    }
  }

  // What was not made to hold in time is given back.
  expire(time: Date): Promise<number> {
    return this.atomic((client) => expire(client, time));
  }

  async accounts(): Promise<{ name: string; balance: string; held: string }[]> {
    return (await this.pool.query('SELECT name, balance, held FROM accounts ORDER BY name')).rows;
  }

  async open(name: string, balance: string): Promise<void> {
    const made = await this.pool.query(
      'INSERT INTO accounts (name, balance) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING RETURNING name',
      [name, balance],
    );
    if (made.rowCount === 0) throw new Error(`there is an account ${name} already`);
  }
}
