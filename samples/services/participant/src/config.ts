// What every participant's configuration file has, JSON; a service adds members of its own.
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { isIP } from 'node:net';

export interface Config {
  host: string;
  port: number;
  database: string;
  keyFile: string;
  callers: Set<string>;
  holdMinutes: number;
  tls?: { key: string; certificate: string };
  folder: string; // what relative file names are relative to
  own: Record<string, unknown>; // the service's own members
}

const known = ['listen', 'database', 'key', 'callers', 'hold_minutes', 'tls'];

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

function listenOf(value: unknown): { host: string; port: number } {
  const match = typeof value === 'string' ? /^(\[[0-9a-f:]+\]|[^:]+):([0-9]{1,5})$/.exec(value) : null;
  if (match === null || Number(match[2]) > 65535) throw new Error('listen: must be host:port');
  return { host: match[1]!.replace(/^\[|\]$/g, ''), port: Number(match[2]) };
}

function callersOf(value: unknown): Set<string> {
  const good = (one: unknown): one is string => typeof one === 'string' && /^[A-Za-z0-9_-]{43}$/.test(one);
  if (!Array.isArray(value) || !value.every(good)) {
    throw new Error('callers: must be accounts: thumbprints as concordat transaction accounts shows them');
  }
  return new Set(value);
}

function tlsOf(value: unknown, folder: string): Config['tls'] {
  const given = value as { key?: unknown; certificate?: unknown };
  if (typeof given?.key !== 'string' || typeof given.certificate !== 'string') {
    throw new Error('tls: must be {"key": file, "certificate": file}, both PEM');
  }
  return { key: resolve(folder, given.key), certificate: resolve(folder, given.certificate) };
}

export function readObject(file: string): Record<string, unknown> {
  let given: unknown;
  try {
    given = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new Error(`${file}: ${(error as Error).message}`);
  }
  if (typeof given !== 'object' || given === null || Array.isArray(given)) throw new Error(`${file}: must hold an object`);
  return given as Record<string, unknown>;
}

// `own`: the names of the service's own members. Throws an Error that names the member.
export function readConfig(file: string, own: string[] = []): Config {
  const given = readObject(file);
  for (const name of Object.keys(given)) {
    if (!known.includes(name) && !own.includes(name)) throw new Error(`${name}: is not known here`);
  }
  const folder = dirname(resolve(file));
  const { host, port } = listenOf(given.listen ?? '127.0.0.1:8490');
  if (typeof given.database !== 'string') throw new Error('database: must be a postgres:// URL');
  if (typeof given.key !== 'string') throw new Error('key: must be a file that the command key made');
  const holdMinutes = given.hold_minutes ?? 0;
  if (typeof holdMinutes !== 'number' || !Number.isInteger(holdMinutes) || holdMinutes < 0 || holdMinutes > 527_040) {
    throw new Error('hold_minutes: must be whole minutes; 0: reservations do not expire');
  }
  const config: Config = {
    host,
    port,
    database: given.database,
    keyFile: resolve(folder, given.key),
    callers: callersOf(given.callers ?? []),
    holdMinutes,
    folder,
    own: Object.fromEntries(own.filter((name) => Object.hasOwn(given, name)).map((name) => [name, given[name]])),
  };
  if (given.tls !== undefined) config.tls = tlsOf(given.tls, folder)!;
  if (config.tls === undefined && !isLoopback(host)) {
    throw new Error(`listen: ${host} is not this machine's own address, so tls must be given`);
  }
  return config;
}
