// The operations that a configuration names: each a list of SQL statements, whose parameters are the call's arguments.
// A statement's text is the operator's and stays as it is; what a caller sends is only ever bound as a value.
import { readObject } from '../../participant/src/config.js';
import { readArgument, readType } from './types.js';
import type { Argument, Bound } from './types.js';

export interface Statement {
  text: string; // with $1, $2 …
  parameters: string[]; // what stands for each
  rows?: number; // how many it must touch or find
  otherwise?: string; // what is said when it does not
}

export interface Operation {
  name: string;
  arguments: Map<string, Argument>;
  statements: Statement[];
  refusals: Map<string, string>; // what is said when a constraint of that name refuses
}

// What a statement may also use: whose step it is, and its name.
const given = ['account', 'step'];
const maxStatements = 32;
const maxArguments = 64;

type Members = Record<string, unknown>;

function members(value: unknown, field: string, known: string[]): Members {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error(`${field}: must be an object`);
  for (const name of Object.keys(value)) if (!known.includes(name)) throw new Error(`${field}/${name}: is not known here`);
  return value as Members;
}

function entries(value: unknown, field: string): [string, unknown][] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error(`${field}: must be an object`);
  return Object.entries(value);
}

function sentence(value: unknown, field: string): string {
  if (typeof value !== 'string' || !/^[\x20-\x7e]{1,200}$/.test(value)) {
    throw new Error(`${field}: must be at most 200 plain characters`);
  }
  return value;
}

// `:name` outside of quotes becomes $n. What could hide a name from so short a reader is refused: comments, dollar
// quotes, backslashes, and a second statement.
export function bindNames(sql: unknown, names: Set<string>, field: string): { text: string; parameters: string[] } {
  if (typeof sql !== 'string' || sql.length > 8192) throw new Error(`${field}: must be text of at most 8192 characters`);
  if (!/^\s*(select|insert|update|delete|merge|with)\b/i.test(sql)) {
    throw new Error(`${field}: must be SELECT, INSERT, UPDATE, DELETE, MERGE or WITH`);
  }
  if (/--|\/\*|[$\\;]/.test(sql)) throw new Error(`${field}: must have none of -- /* $ \\ ;`);
  const parameters: string[] = [];
  const token = /'(?:[^']|'')*'|"(?:[^"]|"")*"|::|:([A-Za-z_][A-Za-z0-9_]*)/g;
  const text = sql.replace(token, (whole: string, name: string | undefined) => {
    if (name === undefined) return whole;
    if (!names.has(name)) throw new Error(`${field}: there is no argument :${name}`);
    if (!parameters.includes(name)) parameters.push(name);
    return `$${parameters.indexOf(name) + 1}`;
  });
  return { text, parameters };
}

function readStatement(value: unknown, names: Set<string>, field: string): Statement {
  const of = members(value, field, ['sql', 'rows', 'otherwise']);
  const out: Statement = bindNames(of.sql, names, `${field}/sql`);
  if (of.rows !== undefined) {
    if (!Number.isSafeInteger(of.rows) || (of.rows as number) < 0) throw new Error(`${field}/rows: must be a whole number`);
    out.rows = of.rows as number;
  }
  if (of.otherwise !== undefined) {
    if (out.rows === undefined) throw new Error(`${field}/otherwise: must come with rows`);
    out.otherwise = sentence(of.otherwise, `${field}/otherwise`);
  }
  return out;
}

function readOperation(name: string, value: unknown): Operation {
  const field = `operations/${name}`;
  if (!/^[A-Za-z0-9._~-]{1,64}$/.test(name)) throw new Error(`${field}: must be letters, digits and -._~`);
  const of = members(value, field, ['arguments', 'statements', 'refusals']);
  const out: Operation = { name, arguments: new Map(), statements: [], refusals: new Map() };
  for (const [argument, type] of entries(of.arguments ?? {}, `${field}/arguments`)) {
    const place = `${field}/arguments/${argument}`;
    if (!/^[A-Za-z_][A-Za-z0-9_]{0,63}$/.test(argument)) throw new Error(`${place}: must be letters, digits and _`);
    if (given.includes(argument)) throw new Error(`${place}: must not be ${given.join(' or ')}: these are there already`);
    out.arguments.set(argument, readType(type, place));
  }
  if (out.arguments.size > maxArguments) throw new Error(`${field}/arguments: must be at most ${maxArguments}`);
  const statements = of.statements;
  if (!Array.isArray(statements) || statements.length === 0 || statements.length > maxStatements) {
    throw new Error(`${field}/statements: must be 1 to ${maxStatements} statements`);
  }
  const names = new Set([...out.arguments.keys(), ...given]);
  out.statements = statements.map((one, i) => readStatement(one, names, `${field}/statements/${i}`));
  for (const [constraint, text] of entries(of.refusals ?? {}, `${field}/refusals`)) {
    out.refusals.set(constraint, sentence(text, `${field}/refusals/${constraint}`));
  }
  return out;
}

export interface Operations {
  resource: string;
  operations: Map<string, Operation>;
}

// Throws an Error that names the member.
export function readOperations(file: string): Operations {
  const of = members(readObject(file), '', ['resource', 'operations']);
  if (typeof of.resource !== 'string' || !/^[A-Za-z0-9._~/-]{1,128}$/.test(of.resource)) {
    throw new Error('resource: must be letters, digits and -._~/');
  }
  const operations = new Map(entries(of.operations, 'operations').map(([name, one]) => [name, readOperation(name, one)]));
  if (operations.size === 0) throw new Error('operations: must have one at least');
  return { resource: of.resource, operations };
}

// The values to bind, by name; or which argument breaks which rule.
export function readArguments(operation: Operation, values: Members): Map<string, Bound> | string {
  for (const name of Object.keys(values)) if (!operation.arguments.has(name)) return `arguments/${name} is not known here`;
  const out = new Map<string, Bound>();
  for (const [name, type] of operation.arguments) {
    if (!Object.hasOwn(values, name)) return `arguments/${name} is missing`;
    const read = readArgument(type, values[name]);
    if ('rule' in read) return `arguments/${name} ${read.rule}`;
    out.set(name, read.value);
  }
  return out;
}
