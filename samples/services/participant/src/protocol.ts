// The documents of docs/participants.md: requests, signed by an account's key, and answers, signed by this participant's.
import { createHash } from 'node:crypto';
import canonicalizer from 'canonicalize';
import { calculateJwkThumbprint, CompactSign, compactVerify, decodeProtectedHeader, importJWK } from 'jose';
import type { JWK, KeyLike } from 'jose';
import { Problem } from './problem.js';

// RFC 8785. The package's types do not say that what it exports is the function.
const canonicalize = canonicalizer as unknown as (value: unknown) => string | undefined;

export const requestTyp = 'concordat/request/1';
export const answerTyp = 'concordat/answer/1';
export const participantTyp = 'concordat/participant/1';
export const maxRequestBytes = 256 * 1024;

export type Role = 'call' | 'commit' | 'undo';
export type Fate = 'called' | 'failed' | 'cancelled';

export interface Call {
  resource: string;
  operation: string;
  role: Role;
  step: string;
  arguments: Record<string, unknown>;
}

export interface Request {
  account: string;
  number: string;
  purpose: 'call' | 'cancel';
  call: Call;
  digest: string; // of the call: what an answer says it is an answer to
}

export interface Outcome {
  fate: Fate;
  detail?: string;
  holdsUntil?: Date;
}

type Members = Record<string, unknown>;

function object(value: unknown, field: string): Members {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new Problem(400, field, 'must be an object');
  }
  return value as Members;
}

function onlyMembers(value: Members, names: string[], field: string): void {
  for (const name of names) if (!Object.hasOwn(value, name)) throw new Problem(400, `${field}/${name}`, 'is missing');
  for (const name of Object.keys(value)) {
    if (!names.includes(name)) throw new Problem(400, `${field}/${name}`, 'is not known here');
  }
}

function text(value: unknown, pattern: RegExp, field: string, rule: string): string {
  if (typeof value !== 'string' || !pattern.test(value)) throw new Problem(400, field, rule);
  return value;
}

const thumbprint = /^[A-Za-z0-9_-]{43}$/;
const wholeNumber = /^(0|[1-9][0-9]{0,19})$/;

export function readAccount(value: unknown, field: string): string {
  return text(value, thumbprint, field, "must be a key's thumbprint (RFC 7638)");
}

export function readNumber(value: unknown, field: string): string {
  const number = text(value, wholeNumber, field, 'must be a whole number below 2^64, as text');
  if (BigInt(number) >= 1n << 64n) throw new Problem(400, field, 'must be a whole number below 2^64, as text');
  return number;
}

// The bytes that a digest is made of. JavaScript reads 1.0 and 1 as one number; the platform refuses the first, and here
// only what is written the one way is taken, so that both sides hash the same.
export function digestOf(call: unknown): string {
  return 'sha256:' + createHash('sha256').update(canonicalize(call)!).digest('hex');
}

function readCall(value: unknown): Call {
  const field = '/call';
  const call = object(value, field);
  onlyMembers(call, ['resource', 'operation', 'role', 'step', 'arguments'], field);
  const plain = 'must be letters, digits and -._~';
  return {
    resource: text(call.resource, /^[A-Za-z0-9._~/-]{1,128}$/, `${field}/resource`, plain),
    operation: text(call.operation, /^[A-Za-z0-9._~-]{1,64}$/, `${field}/operation`, plain),
    role: text(call.role, /^(call|commit|undo)$/, `${field}/role`, 'must be call, commit or undo') as Role,
    step: text(call.step, /^sha256:[0-9a-f]{64}$/, `${field}/step`, 'must be sha256: and 64 hex digits'),
    arguments: object(call.arguments, `${field}/arguments`),
  };
}

// The account's key stands in the request; that it is the account's is what its thumbprint says.
async function accountKey(payload: Members): Promise<KeyLike | Uint8Array> {
  const given = object(payload.key, '/key');
  onlyMembers(given, ['kty', 'crv', 'x', 'y'], '/key');
  const jwk = given as unknown as JWK;
  if (jwk.kty !== 'EC' || jwk.crv !== 'secp256k1') throw new Problem(400, '/key', 'must be on the curve secp256k1');
  try {
    if ((await calculateJwkThumbprint(jwk, 'sha256')) !== payload.account) {
      throw new Problem(400, '/account', "must be the key's thumbprint");
    }
    return await importJWK(jwk, 'ES256K');
  } catch (error) {
    if (error instanceof Problem) throw error;
    throw new Problem(400, '/key', 'must be a public JWK');
  }
}

function decode(part: string | undefined, field: string): string {
  if (part === undefined || !/^[A-Za-z0-9_-]+$/.test(part)) throw new Problem(400, field, 'must be base64url');
  return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(part, 'base64url'));
}

function parsePayload(jws: string): Members {
  const parts = jws.split('.');
  if (parts.length !== 3) throw new Problem(400, '', 'must be a compact JWS');
  try {
    const payload = decode(parts[1], '');
    const value: unknown = JSON.parse(payload);
    // Whoever signs writes RFC 8785: then there is one reading of it, without members that stand there twice.
    if (canonicalize(value) !== payload) throw new Problem(400, '', 'must be written as RFC 8785 has it');
    return object(value, '');
  } catch (error) {
    if (error instanceof Problem) throw error;
    throw new Problem(400, '', 'must hold strict JSON');
  }
}

function readHeader(jws: string): Members {
  try {
    return decodeProtectedHeader(jws) as Members;
  } catch {
    throw new Problem(400, '', 'must be a compact JWS');
  }
}

export async function readRequest(jws: string, participant: string): Promise<Request> {
  const payload = parsePayload(jws);
  onlyMembers(payload, ['typ', 'participant', 'account', 'key', 'number', 'purpose', 'call'], '');
  if (payload.typ !== requestTyp) throw new Problem(400, '/typ', `must be ${requestTyp}`);
  if (payload.participant !== participant) throw new Problem(400, '/participant', `must be ${participant}`);
  const account = readAccount(payload.account, '/account');
  const key = await accountKey(payload);
  const header = readHeader(jws);
  if (header.typ !== requestTyp || header.kid !== account || Object.keys(header).length !== 3) {
    throw new Problem(400, '', `must have alg, the account as kid, and the typ ${requestTyp}, in its header`);
  }
  try {
    await compactVerify(jws, key, { algorithms: ['ES256K'] });
  } catch {
    throw new Problem(401, '', "must be signed by the account's key (ES256K)");
  }
  const purpose = text(payload.purpose, /^(call|cancel)$/, '/purpose', 'must be call or cancel');
  const call = readCall(payload.call);
  return {
    account,
    number: readNumber(payload.number, '/number'),
    purpose: purpose as Request['purpose'],
    call,
    digest: digestOf(payload.call),
  };
}

// This participant: its key, and the name that follows from it.
export class Signer {
  private constructor(
    private readonly key: KeyLike | Uint8Array,
    private readonly kid: string,
    readonly name: string,
    readonly genesis: string,
    readonly publicJwk: JWK,
  ) {}

  static async of(jwk: JWK): Promise<Signer> {
    if (jwk.kty !== 'OKP' || jwk.crv !== 'Ed25519' || jwk.d === undefined) {
      throw new Error('the key must be a private Ed25519 JWK: the command key FILE makes one');
    }
    const publicJwk: JWK = { kty: jwk.kty, crv: jwk.crv, x: jwk.x! };
    const kid = await calculateJwkThumbprint(publicJwk, 'sha256');
    const digits = Buffer.from(kid, 'base64url').toString('hex');
    const [name, genesis] = ['http:' + digits.slice(0, 32), 'sha256:' + digits];
    return new Signer(await importJWK(jwk, 'EdDSA'), kid, name, genesis, publicJwk);
  }

  answer(request: Request, outcome: Outcome, time: Date): Promise<string> {
    const payload: Members = {
      typ: answerTyp,
      participant: this.name,
      account: request.account,
      number: request.number,
      request: request.digest,
      fate: outcome.fate,
      time: time.toISOString(),
    };
    // It may quote what the caller sent, and has a limit.
    if (outcome.detail !== undefined) payload.detail = outcome.detail.slice(0, 1024).replace(/[^\x20-\x7e]/g, '?');
    if (outcome.holdsUntil !== undefined) payload.holds_until = outcome.holdsUntil.toISOString();
    return new CompactSign(Buffer.from(canonicalize(payload)!))
      .setProtectedHeader({ alg: 'EdDSA', kid: this.kid, typ: answerTyp })
      .sign(this.key);
  }

  describe(): string {
    return JSON.stringify({ typ: participantTyp, participant: this.name, key: this.publicJwk });
  }
}
