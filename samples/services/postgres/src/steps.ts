// What became of a step. The decision is written before it is done: what a crash left undone between the two is done when
// the step is looked at the next time, so that a look always shows a step as it is.
import { apply, rows } from './database.js';
import type { Change, Client, Row } from './database.js';
import { schema } from './schema.js';

export type State = 'none' | 'trying' | 'reserved' | 'committed' | 'undone' | 'expired' | 'lost';

export interface Step {
  state: State;
  number?: string; // of the try that is prepared, or was
  holdsUntil?: Date;
}

// Participant, account, step and number are of such characters only that it can stand between quotes.
export function nameOf(participant: string, account: string, step: string, number: string): string {
  const name = `${participant}/${account}/${step.replace('sha256:', '')}/${number}`;
  if (!/^http:[0-9a-f]{32}\/[A-Za-z0-9_-]{43}\/[0-9a-f]{64}\/[0-9]{1,20}$/.test(name)) throw new Error(`${name}: is no name`);
  return name;
}

export class Steps {
  constructor(
    private readonly participant: string,
    private readonly client: Client,
    readonly account: string,
    private readonly log: (text: string) => void,
  ) {}

  name(step: string, number: string): string {
    return nameOf(this.participant, this.account, step, number);
  }

  private async isPrepared(name: string): Promise<boolean> {
    const found = await rows(
      this.client,
      'SELECT 1 FROM pg_prepared_xacts WHERE gid = $1 AND database = current_database()',
      [name],
    );
    return found.length === 1;
  }

  async countPrepared(): Promise<number> {
    const found = await rows(
      this.client,
      'SELECT count(*) AS n FROM pg_prepared_xacts WHERE starts_with(gid, $1) AND database = current_database()',
      [`${this.participant}/${this.account}/`],
    );
    return Number(found[0]!.n);
  }

  private async isCommitted(name: string): Promise<boolean> {
    return (await rows(this.client, `SELECT 1 FROM ${schema}.committed WHERE transaction = $1`, [name])).length === 1;
  }

  private async row(step: string): Promise<Row | undefined> {
    const text = `SELECT state, number, holds_until FROM ${schema}.steps WHERE account = $1 AND step = $2`;
    return (await rows(this.client, text, [this.account, step]))[0];
  }

  async look(step: string): Promise<Step> {
    const row = await this.row(step);
    if (row === undefined) return { state: 'none' };
    const state = row.state as State;
    if (row.number === null) return { state };
    const number = row.number as string;
    const out: Step = { state: await this.finish(step, state, this.name(step, number)), number };
    if (row.holds_until !== null) out.holdsUntil = row.holds_until as Date;
    return out;
  }

  // Does what was decided, where that has not been done; and says what the step is now.
  private async finish(step: string, state: State, name: string): Promise<State> {
    if (await this.isPrepared(name)) return this.settle(state, name);
    if (await this.isCommitted(name)) {
      if (state !== 'committed') this.log(`${step}: ${name} was committed by somebody else`);
      return 'committed';
    }
    if (state === 'trying') return 'none'; // the try ended before it was prepared
    if (state === 'undone' || state === 'expired') return state;
    // What is prepared stays so until it is ended; and what was committed says so.
    this.log(`${step}: ${name} was rolled back by somebody else`);
    return 'lost';
  }

  private async settle(state: State, name: string): Promise<State> {
    if (state === 'trying' || state === 'reserved') return 'reserved';
    await this.client.query(`${state === 'committed' ? 'COMMIT' : 'ROLLBACK'} PREPARED '${name}'`);
    if (state !== 'committed') return state;
    return (await this.isCommitted(name)) ? 'committed' : 'lost';
  }

  begin(step: string, number: string, operation: string): Change {
    return {
      text: `INSERT INTO ${schema}.steps (account, step, state, number, operation) VALUES ($1, $2, 'trying', $3, $4)
             ON CONFLICT (account, step) DO UPDATE SET state = 'trying', number = $3, operation = $4`,
      values: [this.account, step, number, operation],
    };
  }

  // A try that came to nothing leaves nothing behind.
  forget(step: string, number: string): Change {
    return {
      text: `DELETE FROM ${schema}.steps WHERE account = $1 AND step = $2 AND number = $3 AND state = 'trying'`,
      values: [this.account, step, number],
    };
  }

  decide(step: string, state: 'reserved' | 'committed' | 'undone' | 'expired', holdsUntil?: Date): Change {
    return {
      text: `INSERT INTO ${schema}.steps AS s (account, step, state, holds_until) VALUES ($1, $2, $3, $4)
             ON CONFLICT (account, step) DO UPDATE SET state = $3, holds_until = coalesce($4, s.holds_until)`,
      values: [this.account, step, state, holdsUntil ?? null],
    };
  }

  async expire(step: string): Promise<void> {
    await apply(this.client, this.decide(step, 'expired'));
    await this.look(step);
  }
}
