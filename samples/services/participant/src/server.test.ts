// What a participant refuses before anything is decided: whatever does not come, as it is, from an account that may ask.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createHash } from 'node:crypto';
import { calculateJwkThumbprint, CompactSign, exportJWK, generateKeyPair } from 'jose';
import type { JWK, KeyLike } from 'jose';
import canonicalizer from 'canonicalize';
import type { Config } from './config.js';
import { Signer } from './protocol.js';
import type { Request } from './protocol.js';
import { Service } from './server.js';
import type { Found } from './server.js';

const canonicalize = canonicalizer as unknown as (value: unknown) => string;
const typ = 'concordat/request/1';
type Members = Record<string, unknown>;
type Caller = { key: KeyLike | Uint8Array; jwk: JWK; account: string };

let service: Service;
let url: string;
let name: string;
let mine: Caller;
let stranger: Caller;
const decided: Request[] = [];

async function caller(alg = 'ES256K'): Promise<Caller> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  const { kty, crv, x, y } = await exportJWK(publicKey);
  const jwk = { kty, crv, x, y } as JWK;
  return { key: privateKey, jwk, account: await calculateJwkThumbprint(jwk, 'sha256') };
}

before(async () => {
  const { privateKey } = await generateKeyPair('EdDSA', { crv: 'Ed25519', extractable: true });
  const signer = await Signer.of(await exportJWK(privateKey));
  [name, mine, stranger] = [signer.name, await caller(), await caller()];
  const config: Config = {
    host: '127.0.0.1',
    port: 0,
    database: '',
    keyFile: '',
    callers: new Set([mine.account]),
    holdMinutes: 0,
    folder: '',
    own: {},
  };
  const decider = {
    decide: async (request: Request) => {
      decided.push(request);
      return request.number === '202' ? undefined : 'an answer';
    },
    find: async (_: string, number: string): Promise<Found> => {
      if (number === '0') return { status: 'answered', answer: 'an answer' };
      return { status: number === '1' ? 'open' : 'unused' };
    },
  };
  service = new Service('test', config, decider, signer);
  url = `http://127.0.0.1:${await service.listen()}`;
});
after(() => service.close());

const call = (): Members => ({
  resource: 'shop',
  operation: 'reserve',
  role: 'call',
  step: 'sha256:' + createHash('sha256').update('step').digest('hex'),
  arguments: { amount: 1 },
});
const payload = (by: Caller, more: Members = {}): Members => ({
  typ,
  participant: name,
  account: by.account,
  key: by.jwk,
  number: '7',
  purpose: 'call',
  call: call(),
  ...more,
});

function sign(text: string, by: Caller, header: Members = {}): Promise<string> {
  return new CompactSign(Buffer.from(text)).setProtectedHeader({ alg: 'ES256K', kid: by.account, typ, ...header }).sign(by.key);
}
const signed = (more: Members = {}, header: Members = {}, by = mine) => sign(canonicalize(payload(by, more)), by, header);

async function post(body: string, headers: Record<string, string> = {}): Promise<number> {
  const all = { 'Content-Type': 'application/jose', ...headers };
  const answer = await fetch(`${url}/requests`, { method: 'POST', body, headers: all });
  await answer.text();
  return answer.status;
}
async function refused(status: number, body: string, what: string, headers: Record<string, string> = {}): Promise<void> {
  const count = decided.length;
  assert.equal(await post(body, headers), status, what);
  assert.equal(decided.length, count, `${what} was decided`);
}

test('what is right is decided', async () => {
  assert.equal(await post(await signed(), { 'Idempotency-Key': `"${mine.account}/7"` }), 200);
  assert.deepEqual(decided.at(-1)?.call, call());
  assert.equal(decided.at(-1)?.account, mine.account);
  assert.equal(await post(await signed({ number: '18446744073709551615', purpose: 'cancel' })), 200);
  assert.equal(await post(await signed({ number: '202' })), 202);
});

test("a request is its account's own", async () => {
  await refused(403, await signed({}, {}, stranger), 'a stranger');
  await refused(400, await signed({ account: mine.account }, { kid: mine.account }, stranger), "another's name");
  await refused(401, await sign(canonicalize(payload(mine)), { ...mine, key: stranger.key }), "another's signature");
  await refused(400, await signed({}, { kid: stranger.account }), "another's kid");
  await refused(400, await signed({ participant: 'http:' + '0'.repeat(32) }), 'for another participant');
  await refused(400, await signed({ typ: 'concordat/answer/1' }), 'another document');
  await refused(400, await signed({}, { typ: 'JWT' }), 'another typ');
  await refused(400, await signed({}, { crit: ['exp'], exp: 1 }).catch(() => 'x.y.z'), 'more header');
  const p256 = await caller('ES256');
  await refused(400, await sign(canonicalize(payload(p256)), p256, { alg: 'ES256' }), 'another curve');
  const good = (await signed()).split('.');
  const none = Buffer.from(canonicalize({ alg: 'none', kid: mine.account, typ })).toString('base64url');
  await refused(401, [none, good[1], good[2]].join('.'), 'alg none');
  await refused(401, [good[0], good[1], Buffer.alloc(64).toString('base64url')].join('.'), 'no signature');
  const other = Buffer.from(canonicalize(payload(mine, { number: '8' }))).toString('base64url');
  await refused(401, [good[0], other, good[2]].join('.'), 'another payload');
});

test('a request has one form', async () => {
  for (const number of ['07', '-1', '1.0', '1e3', '18446744073709551616', '9'.repeat(400), '', 7, null]) {
    await refused(400, await signed({ number }), `number ${String(number)}`);
  }
  for (const purpose of ['Call', '', null, ['call']]) {
    await refused(400, await signed({ purpose }), `purpose ${String(purpose)}`);
  }
  await refused(400, await signed({ more: 1 }), 'one more member');
  const wrong: Members[] = [{ role: 'try' }, { role: ['call'] }, { step: 'sha256:0' }, { arguments: [] }, { resource: '' }];
  for (const one of [...wrong, { operation: "a'b" }, { more: 1 }]) await refused(400, await signed({ call: { ...call(), ...one } }), JSON.stringify(one));
  const text = canonicalize(payload(mine));
  await refused(400, await sign(text.replace('"number":"7"', '"number":"7","number":"8"'), mine), 'a member twice');
  await refused(400, await sign(text.replace('{', '{ '), mine), 'not as RFC 8785 has it');
  await refused(400, await sign('['.repeat(50_000), mine), 'deep');
  for (const body of ['', 'a.b', 'a.b.c', '..', 'é.é.é']) await refused(400, body, body);
  await refused(400, `${Buffer.from('{').toString('base64url')}.${(await signed()).split('.')[1]}.x`, 'a broken header');
  await refused(413, 'a'.repeat(300_000), 'too large');
  await refused(415, await signed(), 'another type', { 'Content-Type': 'text/plain' });
  await refused(400, await signed(), "another request's key", { 'Idempotency-Key': `"${mine.account}/8"` });
});

test('answers can be asked for', async () => {
  const get = async (path: string, method = 'GET') => (await fetch(url + path, { method })).status;
  assert.equal(await get('/'), 200);
  assert.equal(await get(`/requests/${mine.account}/0`), 200);
  assert.equal(await get(`/requests/${mine.account}/1`), 202);
  assert.equal(await get(`/requests/${mine.account}/2`), 404);
  for (const path of ['x/0', `${mine.account}/00`, `${mine.account}/'`]) assert.equal(await get(`/requests/${path}`), 400, path);
  assert.equal(await get('/other'), 404);
  assert.equal(await get('/', 'POST'), 405);
  assert.equal(await get('/requests'), 405);
});
