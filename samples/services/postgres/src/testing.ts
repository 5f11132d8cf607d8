// What the tests of this folder stand on: a database of their own, requests, and a service that dies at any of its queries.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createHash, randomBytes } from 'node:crypto';
import { decodeJwt, exportJWK, generateKeyPair } from 'jose';
import pg from 'pg';
import { digestOf, Signer } from '../../participant/src/protocol.js';
import type { Request, Role } from '../../participant/src/protocol.js';
import { Database } from './database.js';
import { readOperations } from './operations.js';
import type { Operations } from './operations.js';
import { schemaFor } from './schema.js';
import { Store } from './store.js';
import type { Settings } from './store.js';

// A new database on the server that tests/services/run.sh started; its URL.
export function createDatabase(): string {
  const { SERVICES, DATABASE } = process.env;
  if (SERVICES === undefined || DATABASE === undefined) throw new Error('run tests/services/run.sh');
  const name = 'test_' + randomBytes(6).toString('hex');
  return execFileSync(join(SERVICES, 'database'), ['create', DATABASE, name], { encoding: 'utf8' }).trim();
}

// As a configuration file has them.
export function operationsOf(operations: object, resource: unknown = 'shop'): Operations {
  const folder = mkdtempSync(join(tmpdir(), 'concordat-operations-'));
  try {
    writeFileSync(join(folder, 'operations.json'), JSON.stringify({ resource, operations }));
    return readOperations(join(folder, 'operations.json'));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

// The process "dies" at a query: before it is sent, when it was sent and nothing was heard, or when it was done. From then on
// nothing of it reaches the database any more.
export type Instant = 'before' | 'sent' | 'after';
type Query = (...all: unknown[]) => Promise<unknown>;

export class Crash {
  private count = 0;
  private readonly clients = new Set<pg.Client>();
  happened = false;

  constructor(
    private readonly at: number | RegExp, // which query: its place, or its text
    private readonly instant: Instant,
  ) {}

  // Of the database sessions that are made from now on.
  arm(): void {
    const crash = this;
    pg.Client.prototype.query = function (this: pg.Client, ...all: unknown[]) {
      if (typeof all[all.length - 1] === 'function') return Reflect.apply(original, this, all); // the pool's own
      return crash.pass(this, String(all[0]), () => Reflect.apply(original, this, all) as Promise<unknown>);
    } as unknown as typeof pg.Client.prototype.query;
  }

  private async pass(client: pg.Client, text: string, query: () => Promise<unknown>): Promise<unknown> {
    this.clients.add(client);
    const dead = new Error('the process is dead');
    if (this.happened) throw dead;
    ++this.count;
    if (typeof this.at === 'number' ? this.count !== this.at : !this.at.test(text)) return query();
    if (this.instant === 'before') this.happened = true;
    if (this.instant === 'sent') {
      query().catch(() => undefined);
      this.happened = true;
      await new Promise((done) => setImmediate(done));
    }
    if (this.instant === 'after') {
      await query();
      this.happened = true;
    }
    for (const one of this.clients) (one as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
    throw dead;
  }

  static disarm(): void {
    pg.Client.prototype.query = original as unknown as typeof pg.Client.prototype.query;
  }
}
const original = pg.Client.prototype.query as unknown as Query;

export const account = (of: string) => createHash('sha256').update(of).digest('base64url');
export const stepOf = (of: string) => 'sha256:' + createHash('sha256').update(of).digest('hex');
export type Said = { fate: string; detail?: string; holds_until?: string };

export interface Asked {
  number: number | string;
  step: string;
  role?: Role;
  by?: string;
  purpose?: 'call' | 'cancel';
  operation?: string;
  arguments?: Record<string, unknown>;
}

export type Limits = Pick<Settings, 'holdMinutes' | 'patienceSeconds' | 'perAccount'>;
export const limits: Limits = { holdMinutes: 0, patienceSeconds: 30, perAccount: 100 };

// A participant over a database of its own, made anew by `restart`.
export class Bench {
  readonly admin: pg.Pool;
  store!: Store;
  private readonly databases: Database[] = [];
  readonly logged: string[] = [];

  private constructor(
    readonly operations: Operations,
    readonly signer: Signer,
    private readonly settings: Limits,
    url: string,
  ) {
    this.admin = new pg.Pool({ connectionString: url, max: 4 });
    this.admin.on('error', () => undefined);
  }

  // `role`: whom the service logs in as; may do no more than what `setup` grants it.
  static async of(url: string, operations: Operations, setup: string, settings = limits): Promise<Bench> {
    const { privateKey } = await generateKeyPair('EdDSA', { crv: 'Ed25519', extractable: true });
    const role = 'service_' + randomBytes(4).toString('hex');
    const bench = new Bench(operations, await Signer.of(await exportJWK(privateKey)), settings, url);
    await bench.admin.query(`CREATE ROLE ${role} LOGIN`);
    await bench.admin.query(schemaFor(role));
    await bench.admin.query(setup.replaceAll('ROLE', role));
    bench.serviceUrl = url.replace('//concordat@', `//${role}@`);
    await bench.restart();
    try {
      await bench.store.check();
    } catch (error) {
      await bench.end();
      throw error;
    }
    return bench;
  }
  private serviceUrl = '';

  async restart(): Promise<void> {
    await this.close();
    this.store = this.another();
  }

  // A second service over the same database.
  another(): Store {
    const database = new Database('test', this.serviceUrl);
    this.databases.push(database);
    const settings = { participant: this.signer.name, operations: this.operations, ...this.settings };
    return new Store(database, settings, (text) => this.logged.push(text));
  }

  private async close(): Promise<void> {
    for (const one of this.databases.splice(0)) await one.close().catch(() => undefined);
  }

  request(of: Asked): Request {
    const role = of.role ?? 'call';
    const call = {
      resource: 'shop',
      operation: of.operation ?? 'reserve',
      role,
      step: stepOf(of.step),
      arguments: role === 'call' ? (of.arguments ?? { item: of.step, quantity: 1 }) : {},
    };
    const [purpose, number] = [of.purpose ?? 'call', String(of.number)] as const;
    return { account: account(of.by ?? 'a'), number, purpose, call, digest: digestOf(call) };
  }

  // What it says; nothing: not decided yet.
  async ask(of: Asked): Promise<Said | undefined> {
    const answer = await this.store.decide(this.request(of), this.signer);
    return answer === undefined ? undefined : (decodeJwt(answer) as unknown as Said);
  }
  async fate(of: Asked): Promise<string> {
    return (await this.ask(of))?.fate ?? 'open';
  }
  async find(of: Asked): Promise<string> {
    const found = await this.store.find(account(of.by ?? 'a'), String(of.number));
    return found.status === 'answered' ? (decodeJwt(found.answer) as unknown as Said).fate : found.status;
  }
  async count(text: string): Promise<number> {
    return Number((await this.admin.query(`SELECT count(*) AS n FROM ${text}`)).rows[0].n);
  }
  prepared(): Promise<number> {
    return this.count('pg_prepared_xacts WHERE database = current_database()');
  }
  async end(): Promise<void> {
    await this.close();
    await this.admin.end();
  }
}
