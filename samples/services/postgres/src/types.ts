// The types of arguments. JSON has too few, so most are text of a certain form; each is bound as a value that PostgreSQL
// converts to what the statement needs there.

export type Bound = string | boolean;

export type Argument =
  | { type: 'text'; maxLength: number; pattern?: RegExp }
  | { type: 'integer'; minimum: number; maximum: number }
  | { type: 'decimal'; form: RegExp; digits: number; scale: number }
  | { type: 'boolean' }
  | { type: 'time' };

type Members = Record<string, unknown>;
type Read = { value: Bound } | { rule: string };

const members: Record<string, string[]> = {
  text: ['max_length', 'pattern'],
  integer: ['minimum', 'maximum'],
  decimal: ['digits', 'scale', 'negative'],
  boolean: [],
  time: [],
};

function whole(value: unknown, other: number, least: number, most: number, field: string): number {
  const out = value ?? other;
  if (!Number.isSafeInteger(out) || (out as number) < least || (out as number) > most) {
    throw new Error(`${field}: must be a whole number from ${least} to ${most}`);
  }
  return out as number;
}

function patternOf(value: unknown, field: string): RegExp {
  try {
    if (typeof value === 'string') return new RegExp(`^(?:${value})$`, 'u');
  } catch {
    // said below
  }
  throw new Error(`${field}: must be a regular expression`);
}

function decimalOf(of: Members, field: string): Argument {
  const digits = whole(of.digits, 15, 1, 1000, `${field}/digits`);
  const scale = whole(of.scale, 2, 0, 1000, `${field}/scale`);
  if (of.negative !== undefined && typeof of.negative !== 'boolean') throw new Error(`${field}/negative: must be true or false`);
  const fraction = scale === 0 ? '' : `(?:\\.[0-9]{1,${scale}})?`;
  const form = new RegExp(`^${of.negative === true ? '-?' : ''}(?:0|[1-9][0-9]{0,${digits - 1}})${fraction}$`);
  return { type: 'decimal', form, digits, scale };
}

// What a configuration says of an argument: {"type": …}, and what narrows it.
export function readType(value: unknown, field: string): Argument {
  const of = (typeof value === 'object' && value !== null ? value : {}) as Members;
  const known = typeof of.type === 'string' && Object.hasOwn(members, of.type) ? members[of.type] : undefined;
  if (known === undefined) throw new Error(`${field}/type: must be ${Object.keys(members).join(', ')}`);
  for (const name of Object.keys(of)) {
    if (name !== 'type' && !known.includes(name)) throw new Error(`${field}/${name}: is not known here`);
  }
  switch (of.type) {
    case 'text': {
      const out: Argument = { type: 'text', maxLength: whole(of.max_length, 256, 1, 65536, `${field}/max_length`) };
      if (of.pattern !== undefined) out.pattern = patternOf(of.pattern, `${field}/pattern`);
      return out;
    }
    case 'integer': {
      const limit = Number.MAX_SAFE_INTEGER;
      const minimum = whole(of.minimum, -limit, -limit, limit, `${field}/minimum`);
      return { type: 'integer', minimum, maximum: whole(of.maximum, limit, minimum, limit, `${field}/maximum`) };
    }
    case 'decimal':
      return decimalOf(of, field);
    case 'boolean':
      return { type: 'boolean' };
    default:
      return { type: 'time' };
  }
}

function readText(type: Argument & { type: 'text' }, value: unknown): Read {
  if (typeof value !== 'string' || value.length > type.maxLength) {
    return { rule: `must be text of at most ${type.maxLength} characters` };
  }
  // PostgreSQL has no NUL, and half a surrogate pair would be bound as another character than was signed.
  if (/[\0\p{Cs}]/u.test(value)) return { rule: 'must not have NUL or half a character' };
  if (type.pattern !== undefined && !type.pattern.test(value)) return { rule: `must match ${type.pattern.source}` };
  return { value };
}

export function readArgument(type: Argument, value: unknown): Read {
  switch (type.type) {
    case 'text':
      return readText(type, value);
    case 'integer':
      return Number.isSafeInteger(value) && (value as number) >= type.minimum && (value as number) <= type.maximum
        ? { value: String(value) }
        : { rule: `must be a whole number from ${type.minimum} to ${type.maximum}` };
    case 'decimal':
      return typeof value === 'string' && type.form.test(value)
        ? { value }
        : { rule: `must be a decimal number as text, at most ${type.digits} digits before the point and ${type.scale} behind it` };
    case 'boolean':
      return typeof value === 'boolean' ? { value } : { rule: 'must be true or false' };
    case 'time':
      return typeof value === 'string' && isTime(value) ? { value } : { rule: 'must be a time like 2026-01-31T12:00:00Z' };
  }
}

function isTime(value: string): boolean {
  if (!/^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?Z$/.test(value)) return false;
  const read = new Date(value);
  return !Number.isNaN(+read) && read.toISOString().startsWith(value.slice(0, 19));
}
