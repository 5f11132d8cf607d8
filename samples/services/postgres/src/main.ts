#!/usr/bin/env node
// A participant (docs/participants.md) for any PostgreSQL database, by its two-phase commit: a try is a prepared
// transaction, which is then committed or rolled back. What may be called, the configuration says.
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { readConfig } from '../../participant/src/config.js';
import type { Config } from '../../participant/src/config.js';
import { commonUsage, makeKey, printName, run, serve, signerOf } from '../../participant/src/program.js';
import { Database } from './database.js';
import { readOperations } from './operations.js';
import { schemaFor } from './schema.js';
import { Store } from './store.js';

const program = 'postgres';
const usage = `usage: postgres COMMAND …

${commonUsage.commands(program)}
  postgres schema ROLE                print the SQL that makes this program's own tables, for that role to use
  postgres check --config FILE        whether the database is ready, and takes the operations' statements
  postgres pending --config FILE      print what is prepared: since, state, operation, account, number, step

The configuration is JSON:
  {
    "listen": "127.0.0.1:8490",       outside this machine's own addresses "tls" must be given
    "database": "postgres://…",       directly, as the server has it: no pooler in between
    "operations": "FILE",             what may be called, and the SQL of it: samples/services/README.md
    "patience_seconds": 30,           how long a try waits for rows that others hold
    "prepared_per_account": 32,       how many steps of one account may be prepared at a time
${commonUsage.members}
  }
`;

const own = ['operations', 'patience_seconds', 'prepared_per_account'];
// A line is a line, whatever the database quotes in it.
const log = (text: string) => console.error(`${program}: ${text.replace(/[\0-\x1f\x7f]/g, ' ')}`);
const number = (config: Config, name: string, other: number, least: number, most: number): number => {
  const value = config.own[name] ?? other;
  if (Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most) return value as number;
  throw new Error(`${name}: must be a whole number from ${least} to ${most}`);
};

async function storeOf(config: Config): Promise<{ store: Store; database: Database }> {
  if (typeof config.own.operations !== 'string') throw new Error('operations: must be a file');
  const settings = {
    participant: (await signerOf(config)).name,
    operations: readOperations(resolve(config.folder, config.own.operations)),
    holdMinutes: config.holdMinutes,
    patienceSeconds: number(config, 'patience_seconds', 30, 0, 86_400),
    perAccount: number(config, 'prepared_per_account', 32, 1, 10_000),
  };
  const database = new Database(program, config.database);
  return { store: new Store(database, settings, log), database };
}

async function serveOver(file: string): Promise<void> {
  const config = readConfig(file, own);
  const signer = await signerOf(config);
  const { store, database } = await storeOf(config);
  await store.check();
  for (const one of await store.prepared()) {
    if (one.state === null) log(`${one.gid} is prepared, and its tables do not know of it: were they restored?`);
  }
  await serve({
    program,
    config,
    signer,
    decider: store,
    duties: [
      { every: 300, what: () => store.carryOn(signer) },
      { every: 5_000, what: () => store.expire() },
    ],
    callers: () => readConfig(file, own).callers,
    close: () => database.close(),
  });
}

async function withStore(file: string, work: (store: Store) => Promise<void>): Promise<void> {
  const { store, database } = await storeOf(readConfig(file, own));
  try {
    await work(store);
  } finally {
    await database.close();
  }
}

async function printPending(store: Store): Promise<void> {
  for (const one of await store.prepared()) {
    const line = [one.prepared.toISOString(), one.state ?? 'unknown', one.operation ?? '-', one.account, one.number, one.step];
    console.log(line.join('\t'));
  }
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    options: { config: { type: 'string' }, help: { type: 'boolean', short: 'h' } },
    allowPositionals: true,
  });
  const [command, ...rest] = positionals;
  const wanted: Record<string, number> = { key: 1, schema: 1, name: 0, check: 0, pending: 0, serve: 0 };
  if (values.help === true) {
    console.log(usage);
    return 0;
  }
  const file = values.config ?? '';
  const alone = command === 'key' || command === 'schema';
  if (command === undefined || !Object.hasOwn(wanted, command) || wanted[command] !== rest.length || alone === (file !== '')) {
    console.error(usage);
    return 2;
  }
  if (command === 'key') await makeKey(rest[0]!);
  if (command === 'schema') {
    if (!/^[a-z_][a-z0-9_]{0,62}$/.test(rest[0]!)) throw new Error('ROLE: must be lower case letters, digits and _');
    console.log(schemaFor(rest[0]!));
  }
  if (command === 'name') await printName(readConfig(file, own));
  if (command === 'check') await withStore(file, (store) => store.check());
  if (command === 'pending') await withStore(file, printPending);
  if (command === 'serve') await serveOver(file);
  return 0;
}

run(program, main);
