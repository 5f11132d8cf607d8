#!/usr/bin/env node
// A payment service: accounts with balances in PostgreSQL, and payments that are reserved, then made or given back, by
// whoever the configuration allows. A sample of a participant (docs/participants.md).
import { parseArgs } from 'node:util';
import { readConfig } from '../../participant/src/config.js';
import { commonUsage, makeKey, printName, run, serve, signerOf } from '../../participant/src/program.js';
import { Store } from './store.js';

const usage = `usage: payments COMMAND …

${commonUsage.commands('payments')}
  payments open NAME BALANCE --config FILE   open an account with that balance
  payments accounts --config FILE     print the accounts: name, balance, of which held

The configuration is JSON:
  {
    "listen": "127.0.0.1:8490",       outside this machine's own addresses "tls" must be given
    "database": "postgres://…",       made ready at the start
${commonUsage.members}
  }
`;

async function serveOver(file: string): Promise<void> {
  const config = readConfig(file);
  const signer = await signerOf(config);
  const store = new Store(config.database, config.holdMinutes);
  await store.prepare();
  await serve({
    program: 'payments',
    config,
    signer,
    decider: store,
    duties: [{ every: 5_000, what: () => store.expire(new Date()) }],
    callers: () => readConfig(file).callers,
    close: () => store.close(),
  });
}

async function withStore(file: string, work: (store: Store) => Promise<void>): Promise<void> {
  const config = readConfig(file);
  const store = new Store(config.database, config.holdMinutes);
  try {
    await store.prepare();
    await work(store);
  } finally {
    await store.close();
  }
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    options: { config: { type: 'string' }, help: { type: 'boolean', short: 'h' } },
    allowPositionals: true,
  });
  const [command, ...rest] = positionals;
  const wanted: Record<string, number> = { key: 1, name: 0, open: 2, accounts: 0, serve: 0 };
  if (values.help === true) {
    console.log(usage);
    return 0;
  }
  const file = values.config ?? '';
  if (command === undefined || wanted[command] !== rest.length || (command === 'key') === (file !== '')) {
    console.error(usage);
    return 2;
  }
  if (command === 'key') await makeKey(rest[0]!);
  if (command === 'name') await printName(readConfig(file));
  if (command === 'serve') await serveOver(file);
  if (command === 'open') {
    if (!/^[A-Za-z0-9._:-]{1,64}$/.test(rest[0]!)) throw new Error('NAME: must be letters, digits and ._:-');
    if (!/^(0|[1-9][0-9]{0,14})(\.[0-9]{1,6})?$/.test(rest[1]!)) throw new Error('BALANCE: must be a decimal number');
    await withStore(file, (store) => store.open(rest[0]!, rest[1]!));
  }
  if (command === 'accounts') {
    await withStore(file, async (store) => {
      for (const one of await store.accounts()) console.log(`${one.name}\t${one.balance}\t${one.held}`);
    });
  }
  return 0;
}

run('payments', main);
