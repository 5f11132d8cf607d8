#!/usr/bin/env node
// A payment service: accounts with balances in PostgreSQL, and payments that are reserved, then made or given back, by
// whoever the configuration allows. A sample of a participant (docs/participants.md).
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { exportJWK, generateKeyPair } from 'jose';
import { readConfig } from './config.js';
import { Signer } from './protocol.js';
import { Service } from './server.js';
import { Store } from './store.js';

const usage = `usage: payments COMMAND …

  payments key FILE                   make the service's signature key
  payments name --config FILE         print the participant's chain, genesis and finality, as a binding needs them
  payments open NAME BALANCE --config FILE   open an account with that balance
  payments accounts --config FILE     print the accounts: name, balance, of which held
  payments serve --config FILE        serve; SIGHUP reads the callers again, SIGTERM stops

The configuration is JSON:
  {
    "listen": "127.0.0.1:8490",       outside this machine's own addresses "tls" must be given
    "database": "postgres://…",       made ready at the start
    "key": "FILE",
    "callers": ["THUMBPRINT", …],     the accounts that may ask: concordat transaction accounts BINDING
    "hold_minutes": 0,                how long a reservation holds; 0: until it is paid or given back
    "tls": {"key": "FILE", "certificate": "FILE"}
  }
`;

async function makeKey(file: string): Promise<void> {
  if (existsSync(file)) throw new Error(`${file}: is there already`);
  const { privateKey } = await generateKeyPair('EdDSA', { crv: 'Ed25519', extractable: true });
  writeFileSync(file, JSON.stringify(await exportJWK(privateKey)) + '\n', { mode: 0o600, flag: 'wx' });
}

async function serve(file: string): Promise<void> {
  const config = readConfig(file);
  const signer = await Signer.of(JSON.parse(readFileSync(config.keyFile, 'utf8')));
  const store = new Store(config.database, config.holdMinutes);
  await store.prepare();
  const service = new Service(config, store, signer);
  const port = await service.listen();
  const scheme = config.tls === undefined ? 'http' : 'https';
  console.log(`payments: ${signer.name} at ${scheme}://${config.host}:${port}`);
  const sweep = setInterval(() => {
    store.expire(new Date()).catch((error: Error) => console.error(`payments: ${error.message}`));
  }, 5_000);
  process.on('SIGHUP', () => {
    try {
      service.allow(readConfig(file).callers);
    } catch (error) {
      console.error(`payments: ${(error as Error).message}; the callers stay as they were`);
    }
  });
  const stop = () => {
    clearInterval(sweep);
    service
      .close()
      .then(() => store.close())
      .then(() => process.exit(0));
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
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

async function printName(file: string): Promise<void> {
  const signer = await Signer.of(JSON.parse(readFileSync(readConfig(file).keyFile, 'utf8')));
  const finality = { blocks: 1, witness: 'signature', parameters: { key: signer.publicJwk } };
  console.log(JSON.stringify({ chain: signer.name, genesis: signer.genesis, finality }));
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
  if (command === 'name') await printName(file);
  if (command === 'serve') await serve(file);
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

main().then(
  (status) => {
    if (status !== 0) process.exit(status);
  },
  (error: Error) => {
    console.error(`payments: ${error.message}`);
    process.exit(1);
  },
);
