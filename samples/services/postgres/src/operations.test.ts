// What a configuration may say, and which arguments are taken.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bindNames, readArguments } from './operations.js';
import { operationsOf } from './testing.js';

const statements = [{ sql: 'SELECT 1' }];

test('names become parameters, outside of quotes only', () => {
  const names = new Set(['a', 'b']);
  assert.deepEqual(bindNames(`SELECT :a::text, ':a', ":b", 'it''s :b', :b + :a`, names, 'f'), {
    text: `SELECT $1::text, ':a', ":b", 'it''s :b', $2 + $1`,
    parameters: ['a', 'b'],
  });
  assert.throws(() => bindNames('SELECT :c', names, 'f'), /^Error: f: there is no argument :c$/);
});

test('a statement is one of a few, and one', () => {
  const others = ['', 'COMMIT', 'COPY t TO PROGRAM x', "PREPARE TRANSACTION 'x'", 7];
  const hiding = ['SELECT 1; COMMIT', 'SELECT 1 -- :a', 'SELECT /* */ 1', 'SELECT $1', "SELECT E'\\''"];
  for (const sql of [...others, ...hiding]) assert.throws(() => bindNames(sql, new Set(), 'f'), /^Error: f: must /, String(sql));
});

test('a configuration is refused with the member and the rule', () => {
  const cases: [object, RegExp][] = [
    [{}, /^Error: operations: must have one/],
    [{ 'a b': { statements } }, /operations\/a b: must be letters/],
    [{ a: { statements: [] } }, /operations\/a\/statements: must be 1 to 32/],
    [{ a: { statements, more: 1 } }, /operations\/a\/more: is not known here/],
    [{ a: { statements: [{ sql: 'SELECT 1', rows: -1 }] } }, /statements\/0\/rows: must be a whole number/],
    [{ a: { statements: [{ sql: 'SELECT 1', otherwise: 'x' }] } }, /otherwise: must come with rows/],
    [{ a: { statements, arguments: { step: { type: 'text' } } } }, /arguments\/step: must not be account or step/],
    [{ a: { statements, arguments: { 'x-y': { type: 'text' } } } }, /arguments\/x-y: must be letters/],
    [{ a: { statements, arguments: { x: { type: 'toString' } } } }, /arguments\/x\/type: must be text, /],
    [{ a: { statements, arguments: { x: { type: 'text', pattern: '(' } } } }, /pattern: must be a regular expression/],
    [{ a: { statements, arguments: { x: { type: 'integer', minimum: 2, maximum: 1 } } } }, /maximum: must be a whole number from 2/],
    [{ a: { statements, refusals: { c: 'ü' } } }, /refusals\/c: must be/],
  ];
  for (const [operations, expected] of cases) assert.throws(() => operationsOf(operations), expected);
  assert.throws(() => operationsOf({ a: { statements } }, 'a b'), /resource: must be/);
});

test('arguments are of their types', () => {
  const types: Record<string, [object, unknown[], unknown[]]> = {
    text: [
      { type: 'text', max_length: 3, pattern: '[a-z😀]*' },
      ['', 'abc', '😀'],
      ['abcd', 'A', 'a\n', 'a\0', '\ud83d', 'é', 1, null, ['a'], { a: 1 }],
    ],
    integer: [{ type: 'integer', minimum: -1, maximum: 10 }, [-1, 0, 10], [-2, 11, 1.5, '1', 1e21, 2 ** 53, null, true, [1]]],
    decimal: [
      { type: 'decimal', digits: 3, scale: 2 },
      ['0', '999.99', '1.5'],
      ['1000', '1.234', '-1', '01', '1.', '.5', '1e2', 'NaN', 'Infinity', ' 1', '1\n', 1, null],
    ],
    negative: [{ type: 'decimal', negative: true, scale: 0 }, ['-1', '0'], ['--1', '-1.0', '-']],
    boolean: [{ type: 'boolean' }, [true, false], ['true', 1, null]],
    time: [
      { type: 'time' },
      ['2026-01-31T12:00:00Z', '2026-01-31T12:00:00.123456Z'],
      ['2026-02-30T12:00:00Z', '2026-01-31', 'now', 'infinity', '2026-01-31T12:00:00+01:00', 0],
    ],
  };
  for (const [name, [type, good, bad]] of Object.entries(types)) {
    const operation = operationsOf({ a: { arguments: { x: type }, statements } }).operations.get('a')!;
    for (const x of good) assert.ok(readArguments(operation, { x }) instanceof Map, `${name} ${JSON.stringify(x)}`);
    for (const x of bad) {
      assert.match(readArguments(operation, { x }) as string, /^arguments\/x must /, `${name} ${JSON.stringify(x)}`);
    }
    assert.equal(readArguments(operation, {}), 'arguments/x is missing');
    assert.equal(readArguments(operation, { x: good[0], y: 1 }), 'arguments/y is not known here');
    assert.equal(readArguments(operation, JSON.parse('{"__proto__": 1}')), 'arguments/__proto__ is not known here');
  }
});
