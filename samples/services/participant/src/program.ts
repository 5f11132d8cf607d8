// What every participant's program does: makes its key, says its name, serves until it is told to stop.
import { existsSync, writeFileSync } from 'node:fs';
import { exportJWK, generateKeyPair } from 'jose';
import type { JWK } from 'jose';
import { readObject } from './config.js';
import type { Config } from './config.js';
import { Signer } from './protocol.js';
import { Service } from './server.js';
import type { Decider } from './server.js';

export const commonUsage = {
  commands: (program: string) => `  ${program} key FILE                   make the service's signature key
  ${program} name --config FILE         print the participant's chain, genesis and finality, as a binding needs them
  ${program} serve --config FILE        serve; SIGHUP reads the callers again, SIGTERM stops`,
  members: `    "key": "FILE",
    "callers": ["THUMBPRINT", …],     the accounts that may ask: concordat transaction accounts BINDING
    "hold_minutes": 0,                how long a reservation holds; 0: until it is made to hold or given back
    "tls": {"key": "FILE", "certificate": "FILE"}`,
};

export async function makeKey(file: string): Promise<void> {
  if (existsSync(file)) throw new Error(`${file}: is there already`);
  const { privateKey } = await generateKeyPair('EdDSA', { crv: 'Ed25519', extractable: true });
  writeFileSync(file, JSON.stringify(await exportJWK(privateKey)) + '\n', { mode: 0o600, flag: 'wx' });
}

export function signerOf(config: Config): Promise<Signer> {
  return Signer.of(readObject(config.keyFile) as unknown as JWK);
}

export async function printName(config: Config): Promise<void> {
  const signer = await signerOf(config);
  const finality = { blocks: 1, witness: 'signature', parameters: { key: signer.publicJwk } };
  console.log(JSON.stringify({ chain: signer.name, genesis: signer.genesis, finality }));
}

export interface Duty {
  every: number; // ms
  what: () => Promise<unknown>;
}

// A duty that takes long is not begun again meanwhile.
function perform(program: string, duty: Duty): () => void {
  let timer: NodeJS.Timeout | undefined;
  let ended = false;
  const wait = () => {
    if (!ended) timer = setTimeout(act, duty.every);
  };
  const act = () => {
    duty
      .what()
      .catch((error: Error) => console.error(`${program}: ${error.message}`))
      .finally(wait);
  };
  wait();
  return () => {
    ended = true;
    clearTimeout(timer);
  };
}

export interface Served {
  program: string;
  config: Config;
  signer: Signer;
  decider: Decider;
  duties: Duty[];
  callers: () => Set<string>; // read again
  close: () => Promise<void>;
}

export async function serve(served: Served): Promise<void> {
  const { program, config, signer } = served;
  const service = new Service(program, config, served.decider, signer);
  const port = await service.listen();
  const scheme = config.tls === undefined ? 'http' : 'https';
  console.log(`${program}: ${signer.name} at ${scheme}://${config.host}:${port}`);
  const ends = served.duties.map((duty) => perform(program, duty));
  process.on('SIGHUP', () => {
    try {
      service.allow(served.callers());
    } catch (error) {
      console.error(`${program}: ${(error as Error).message}; the callers stay as they were`);
    }
  });
  const stop = () => {
    for (const end of ends) end();
    service
      .close()
      .then(served.close)
      .then(() => process.exit(0));
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
}

// Ends the process with what `main` returns, or with its complaint.
export function run(program: string, main: () => Promise<number>): void {
  main().then(
    (status) => {
      if (status !== 0) process.exit(status);
    },
    (error: Error) => {
      console.error(`${program}: ${error.message}`);
      process.exit(1);
    },
  );
}
