// Decides requests (docs/participants.md) over a PostgreSQL database, by its two-phase commit.
//
// What a request does and its answer cannot be one database transaction here: PREPARE TRANSACTION, COMMIT PREPARED and
// ROLLBACK PREPARED each are their own. So what will be done is written first, then done, then answered; and whoever
// finds a request without an answer goes on with it: the same request when it comes again, and `carryOn` when it does not.
import { Problem } from '../../participant/src/problem.js';
import type { Call, Outcome, Request, Signer } from '../../participant/src/protocol.js';
import type { Decider, Found } from '../../participant/src/server.js';
import { apply, Database, rows } from './database.js';
import type { Change, Client, Row } from './database.js';
import { readArguments } from './operations.js';
import type { Operation, Operations } from './operations.js';
import { schema } from './schema.js';
import { Steps } from './steps.js';
import { checkStatements, prepareTry } from './try.js';
import type { Tried } from './try.js';
import type { Bound } from './types.js';

export interface Settings {
  participant: string;
  operations: Operations;
  holdMinutes: number;
  patienceSeconds: number; // how long a try waits for what others hold, before it is failed
  perAccount: number; // how many may be prepared at a time: the server's room for them is everybody's
}

// A transaction that is prepared; without a state: these tables do not know of it.
export interface Prepared {
  gid: string;
  prepared: Date;
  account: string;
  step: string;
  number: string;
  state: string | null;
  operation: string | null;
  holdsUntil: Date | null;
}

const isOver = (step: { state: string | null; holdsUntil?: Date | null }): boolean =>
  step.state === 'reserved' && step.holdsUntil != null && +step.holdsUntil <= Date.now();
const failed = (detail: string): Outcome => ({ fate: 'failed', detail });
const called: Outcome = { fate: 'called' };

interface Ready {
  operation: Operation;
  values: Map<string, Bound>;
}

// One request while its account is locked.
interface Turn {
  client: Client;
  steps: Steps;
  request: Request;
  since: Date | undefined; // when it was first seen, if it was before
}

export class Store implements Decider {
  private readonly running = new Map<string, Promise<string | undefined>>();

  constructor(
    private readonly database: Database,
    private readonly settings: Settings,
    private readonly log: (text: string) => void,
  ) {}

  // That the database is one on which this can be done. Throws, saying what must be changed.
  async check(): Promise<void> {
    const setting = async (name: string) => {
      return (await this.database.read('SELECT current_setting($1) AS is', [name]))[0]!.is as string;
    };
    if ((await setting('max_prepared_transactions')) === '0') {
      throw new Error("database: max_prepared_transactions is 0: must be set in the server's configuration");
    }
    if ((await setting('fsync')) === 'off') throw new Error('database: fsync is off: what is answered must be on the disk');
    const there = await this.database.read('SELECT to_regclass($1) IS NOT NULL AS is', [`${schema}.identity`]);
    if (there[0]!.is !== true) throw new Error('database: has not got the tables that the command schema prints');
    await this.identify();
    await this.database.alone('', async (client) => {
      for (const operation of this.settings.operations.operations.values()) await checkStatements(client, operation);
    });
  }

  private async identify(): Promise<void> {
    await this.database.read(`INSERT INTO ${schema}.identity (name) VALUES ($1) ON CONFLICT DO NOTHING`, [
      this.settings.participant,
    ]);
    const name = (await this.database.read(`SELECT name FROM ${schema}.identity`))[0]!.name;
    if (name !== this.settings.participant) throw new Error(`database: belongs to the participant ${name as string}`);
  }

  async find(account: string, number: string): Promise<Found> {
    const found = await this.database.read(`SELECT answer FROM ${schema}.requests WHERE account = $1 AND number = $2`, [
      account,
      number,
    ]);
    if (found.length === 0) return { status: 'unused' };
    const answer = found[0]!.answer as string | null;
    return answer === null ? { status: 'open' } : { status: 'answered', answer };
  }

  // The first request of a number decides; each later one hears the same answer.
  async decide(request: Request, signer: Signer): Promise<string | undefined> {
    // An answer stays: it is given without waiting for anything. And who asks again while it is being decided waits for that.
    const known = await this.known(request, (text, values) => this.database.read(text, values));
    if (known?.answer !== undefined) return known.answer;
    const key = `${request.account}/${request.number}/${request.purpose}/${request.digest}`;
    const running = this.running.get(key) ?? this.decideAlone(request, signer).finally(() => this.running.delete(key));
    this.running.set(key, running);
    return running;
  }

  private decideAlone(request: Request, signer: Signer): Promise<string | undefined> {
    return this.database.alone(request.account, async (client) => {
      const known = await this.known(request, (text, values) => rows(client, text, values));
      if (known?.answer !== undefined) return known.answer;
      const steps = new Steps(this.settings.participant, client, request.account, this.log);
      return this.act({ client, steps, request, since: known?.since }, signer);
    });
  }

  private async known(
    { account, number, digest }: Request,
    read: (text: string, values: unknown[]) => Promise<Row[]>,
  ): Promise<{ since: Date; answer: string | undefined } | undefined> {
    const text = `SELECT request, since, answer FROM ${schema}.requests WHERE account = $1 AND number = $2`;
    const row = (await read(text, [account, number]))[0];
    if (row === undefined) return undefined;
    if (row.request !== digest) throw new Problem(409, '/call', 'is not the one that this number had first');
    return { since: row.since as Date, answer: (row.answer ?? undefined) as string | undefined };
  }

  private act(turn: Turn, signer: Signer): Promise<string | undefined> {
    // A cancellation that came first. What had begun before it is gone on with: only a try can still be given up.
    if (turn.request.purpose === 'cancel' && turn.since === undefined) return this.answer(turn, signer, { fate: 'cancelled' });
    switch (turn.request.call.role) {
      case 'call':
        return this.reserve(turn, signer);
      case 'commit':
        return this.take(turn, signer);
      case 'undo':
        return this.giveBack(turn, signer);
    }
  }

  private async reserve(turn: Turn, signer: Signer): Promise<string | undefined> {
    const { steps, request } = turn;
    const { step } = request.call;
    const before = await steps.look(step);
    // Prepared by this very request, which had no time to answer.
    if (before.number === request.number && turn.since !== undefined) {
      if (before.state === 'reserved') return this.reserved(turn, signer);
      if (before.state === 'committed') return this.answer(turn, signer, called);
    }
    if (request.purpose === 'cancel') return this.giveUp(turn, signer, { fate: 'cancelled' });
    if (before.state === 'undone') return this.giveUp(turn, signer, failed('the step was undone before it was tried'));
    if (before.state !== 'none') return this.giveUp(turn, signer, failed('the step was tried before'));
    const ready = this.read(request.call);
    if (typeof ready === 'string') return this.giveUp(turn, signer, failed(ready));
    const since = await this.write(turn, steps.begin(step, request.number, ready.operation.name));
    const tried = await this.prepare(turn, ready);
    if (tried.status === 'prepared') return this.reserved(turn, signer);
    if (tried.status === 'busy' && Date.now() - +since < this.settings.patienceSeconds * 1000) return undefined;
    return this.giveUp(turn, signer, failed(tried.status === 'busy' ? `waited too long: ${tried.detail}` : tried.detail));
  }

  private async prepare({ client, steps, request }: Turn, { operation, values }: Ready): Promise<Tried> {
    if ((await steps.countPrepared()) >= this.settings.perAccount) {
      return { status: 'busy', detail: `the account has ${this.settings.perAccount} steps prepared already` };
    }
    const { step } = request.call;
    values.set('account', request.account).set('step', step);
    return prepareTry(client, operation, values, steps.name(step, request.number), this.log);
  }

  // All that can be said before the database is asked.
  private read(call: Call): Ready | string {
    const { resource, operations } = this.settings.operations;
    if (call.resource !== resource) return `there is no resource ${call.resource} here, only ${resource}`;
    const operation = operations.get(call.operation);
    if (operation === undefined) return `there is no operation ${call.operation} here`;
    const values = readArguments(operation, call.arguments);
    return typeof values === 'string' ? values : { operation, values };
  }

  private reserved(turn: Turn, signer: Signer): Promise<string> {
    const { holdMinutes } = this.settings;
    const holdsUntil = holdMinutes === 0 ? undefined : new Date(Date.now() + holdMinutes * 60_000);
    const outcome = holdsUntil === undefined ? called : { fate: called.fate, holdsUntil };
    return this.answer(turn, signer, outcome, turn.steps.decide(turn.request.call.step, 'reserved', holdsUntil));
  }

  private giveUp(turn: Turn, signer: Signer, outcome: Outcome): Promise<string> {
    return this.answer(turn, signer, outcome, turn.steps.forget(turn.request.call.step, turn.request.number));
  }

  private async take(turn: Turn, signer: Signer): Promise<string> {
    const { step } = turn.request.call;
    let now = await turn.steps.look(step);
    if (isOver(now)) {
      await turn.steps.expire(step);
      now = await turn.steps.look(step);
    }
    if (now.state === 'reserved') {
      await this.write(turn, turn.steps.decide(step, 'committed'));
      now = await turn.steps.look(step);
    }
    if (now.state === 'committed') return this.answer(turn, signer, called);
    if (now.state === 'none') return this.answer(turn, signer, failed('the step was never tried'));
    return this.answer(turn, signer, failed(`the step's reservation is ${now.state}`));
  }

  private async giveBack(turn: Turn, signer: Signer): Promise<string> {
    const { step } = turn.request.call;
    const before = await turn.steps.look(step);
    if (before.state === 'committed') return this.answer(turn, signer, failed('the step is committed'));
    // Undone before it was tried: the try may still be on its way, and must find that it came too late.
    if (before.state === 'none') return this.answer(turn, signer, called, turn.steps.decide(step, 'undone'));
    if (before.state === 'reserved') {
      await this.write(turn, turn.steps.decide(step, 'undone'));
      await turn.steps.look(step);
    }
    return this.answer(turn, signer, called);
  }

  // Before something is done: that it will be, and for which request. Gives when that was first seen.
  private async write(turn: Turn, decision: Change): Promise<Date> {
    const { account, number, digest, call } = turn.request;
    const since = turn.since ?? new Date();
    const text = `INSERT INTO ${schema}.requests (account, number, request, call, since) VALUES ($1, $2, $3, $4, $5)
                  ON CONFLICT (account, number) DO NOTHING`;
    await apply(turn.client, { text, values: [account, number, digest, JSON.stringify(call), since] }, decision);
    return since;
  }

  private async answer(turn: Turn, signer: Signer, outcome: Outcome, decision?: Change): Promise<string> {
    const time = new Date();
    const answer = await signer.answer(turn.request, outcome, time);
    const { account, number, digest } = turn.request;
    const text = `INSERT INTO ${schema}.requests (account, number, request, since, answer) VALUES ($1, $2, $3, $4, $5)
                  ON CONFLICT (account, number) DO UPDATE SET answer = $5, call = NULL`;
    await apply(turn.client, { text, values: [account, number, digest, turn.since ?? time, answer] }, decision);
    return answer;
  }

  // Goes on with what is undecided: after a crash, and where a try waits for what others hold.
  async carryOn(signer: Signer): Promise<void> {
    const open = await this.database.read(
      `SELECT account, number, request, call FROM ${schema}.requests WHERE answer IS NULL ORDER BY since LIMIT 64`,
    );
    const accounts = new Map<string, Row[]>();
    for (const row of open) accounts.set(row.account as string, [...(accounts.get(row.account as string) ?? []), row]);
    // One after the other for each account: others of its requests get their turn in between.
    await this.each([...accounts.values()], async (mine) => {
      for (const row of mine) {
        const [account, number, digest] = [row.account, row.number, row.request] as [string, string, string];
        const call = JSON.parse(row.call as string) as Call;
        await this.decide({ account, number, purpose: 'call', call, digest }, signer);
      }
    });
  }

  // Gives back what was not made to hold in time, and ends what an interrupted expiry left.
  async expire(): Promise<void> {
    const over = (await this.prepared()).filter((one) => isOver(one) || one.state === 'expired');
    await this.each(over, (one) =>
      this.database.alone(one.account, async (client) => {
        const steps = new Steps(this.settings.participant, client, one.account, this.log);
        const now = await steps.look(one.step);
        if (isOver(now)) await steps.expire(one.step);
      }),
    );
  }

  // What waits for its commit or undo, by the database's own list.
  async prepared(): Promise<Prepared[]> {
    const found = await this.database.read(
      `SELECT t.gid, t.prepared, split_part(t.gid, '/', 2) AS account, 'sha256:' || split_part(t.gid, '/', 3) AS step,
              split_part(t.gid, '/', 4) AS number, s.state, s.operation, s.holds_until AS "holdsUntil"
       FROM pg_prepared_xacts t
       LEFT JOIN ${schema}.steps s ON s.account = split_part(t.gid, '/', 2) AND s.number::text = split_part(t.gid, '/', 4)
                                  AND s.step = 'sha256:' || split_part(t.gid, '/', 3)
       WHERE t.database = current_database() AND starts_with(t.gid, $1) ORDER BY t.prepared`,
      [`${this.settings.participant}/`],
    );
    return found as unknown as Prepared[];
  }

  // What fails with one is no reason to leave the others.
  private async each<T>(all: T[], work: (one: T) => Promise<void>): Promise<void> {
    const done = await Promise.allSettled(all.map(work));
    for (const one of done) if (one.status === 'rejected') this.log((one.reason as Error).message);
  }
}
