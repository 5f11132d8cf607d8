// What the rules of docs/participants.md come to where rows are locked, time runs out, and others have a hand in the database.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeJwt } from 'jose';
import { Bench, createDatabase, limits, operationsOf } from './testing.js';

const shop = operationsOf({
  reserve: {
    arguments: { item: { type: 'text' }, quantity: { type: 'integer', minimum: 1, maximum: 1000 } },
    statements: [
      { sql: 'UPDATE stock SET free = free - :quantity WHERE item = :item', rows: 1, otherwise: 'there is no such item' },
      { sql: 'INSERT INTO orders (account, step, item, quantity) VALUES (:account, :step, :item, :quantity)' },
    ],
    refusals: { not_negative: 'there is not enough of it' },
  },
  note: {
    arguments: { text: { type: 'text', max_length: 1000 } },
    statements: [{ sql: 'INSERT INTO notes (text) VALUES (:text)' }],
  },
  wrong: { statements: [{ sql: "INSERT INTO notes (text) VALUES ('wrong')" }, { sql: 'DELETE FROM secrets' }] },
  balance: { statements: [{ sql: "INSERT INTO notes (text) VALUES ('unbalanced')" }] },
});
const setup = `
  CREATE TABLE stock (item text PRIMARY KEY, free integer CONSTRAINT not_negative CHECK (free >= 0));
  INSERT INTO stock VALUES ('nail', 10), ('screw', 10), ('dust', 2000000000);
  CREATE TABLE orders (account text, step text, item text, quantity integer, PRIMARY KEY (account, step));
  CREATE TABLE notes (text text NOT NULL);
  CREATE TABLE secrets (text text);
  CREATE FUNCTION judge() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN IF NEW.text = ''unbalanced'' THEN RAISE EXCEPTION ''does not balance''; END IF; RETURN NULL; END';
  CREATE CONSTRAINT TRIGGER judged AFTER INSERT ON notes DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION judge();
  GRANT SELECT, UPDATE ON stock TO ROLE; GRANT SELECT, INSERT ON orders, notes TO ROLE; GRANT SELECT ON secrets TO ROLE;`;

async function on(
  work: (bench: Bench) => Promise<void>,
  settings = limits,
): Promise<void> {
  const bench = await Bench.of(createDatabase(), shop, setup, settings);
  try {
    await work(bench);
    assert.equal(await bench.prepared(), 0);
  } finally {
    await bench.end();
  }
}
const free = async (bench: Bench, item: string) =>
  Number((await bench.admin.query('SELECT free FROM stock WHERE item = $1', [item])).rows[0].free);
const nail = { item: 'nail', quantity: 4 };

test('a try shows nothing until it is committed', () =>
  on(async (bench) => {
    assert.equal(await bench.fate({ number: 0, step: 's', arguments: nail }), 'called');
    assert.equal(await free(bench, 'nail'), 10);
    const shown = (await bench.store.prepared()).map((one) => [one.state, one.operation, one.number]);
    assert.deepEqual(shown, [['reserved', 'reserve', '0']]);
    assert.equal(await bench.fate({ number: 1, step: 's', role: 'commit' }), 'called');
    assert.equal(await free(bench, 'nail'), 6);
    assert.equal(await bench.count('orders'), 1);
  }));

test('what the database refuses is failed, in the words of the configuration, and quotes no rows', () =>
  on(async (bench) => {
    const ask = async (number: number, operation: string, values: Record<string, unknown>) => {
      const said = await bench.ask({ number, step: `s${number}`, operation, arguments: values });
      assert.equal(said?.fate, 'failed');
      return said.detail;
    };
    assert.equal(await ask(0, 'reserve', { item: 'nail', quantity: 11 }), 'there is not enough of it');
    assert.equal(await ask(1, 'reserve', { item: 'glue', quantity: 1 }), 'there is no such item');
    assert.equal(await ask(2, 'reserve', { item: 'nail', quantity: 0 }), 'arguments/quantity must be a whole number from 1 to 1000');
    assert.equal(await ask(3, 'wrong', {}), 'wrong/statements/1 is refused (SQLSTATE 42501)');
    assert.equal(await ask(4, 'balance', {}), 'does not balance');
    assert.equal(await ask(5, 'nothing', {}), 'there is no operation nothing here');
    assert.equal(await ask(6, 'note', { ['ü'.repeat(5000)]: 1 }).then((text) => text?.length), 1024);
    assert.equal(await bench.count('notes'), 0);
    assert.equal(await bench.count('concordat_participant.steps'), 0);
    assert.match(bench.logged.join(), /permission denied for table secrets/);
  }));

test('arguments are values, whatever they look like', () =>
  on(async (bench) => {
    const texts = ["'); DROP TABLE notes; --", '$1', ':text', "\\'; COMMIT; --", '%s\t\u2028"', "' || current_user || '"];
    for (const [number, text] of texts.entries()) {
      assert.equal(await bench.fate({ number, step: text, operation: 'note', arguments: { text } }), 'called');
      assert.equal(await bench.fate({ number: 100 + number, step: text, role: 'commit' }), 'called');
    }
    assert.deepEqual((await bench.admin.query('SELECT text FROM notes')).rows.map((row) => row.text).sort(), [...texts].sort());
  }));

test('a number is used once, also the largest', () =>
  on(async (bench) => {
    const number = '18446744073709551615';
    assert.equal(await bench.fate({ number, step: 's', arguments: nail }), 'called');
    assert.equal(await bench.fate({ number, step: 's', arguments: nail }), 'called');
    const more = { step: 's', arguments: { ...nail, quantity: 5 } };
    for (const other of [more, { step: 't', arguments: nail }, { step: 's', role: 'undo' as const }]) {
      await assert.rejects(bench.ask({ number, ...other }), { status: 409 });
    }
    assert.equal(await bench.fate({ number: 0, step: 's', role: 'undo' }), 'called');
  }));

test("another account's step is another step, and its numbers are its own", () =>
  on(async (bench) => {
    assert.equal(await bench.fate({ number: 0, step: 's', arguments: nail }), 'called');
    for (const role of ['commit', 'undo'] as const) {
      const fate = await bench.fate({ number: role === 'commit' ? 0 : 1, step: 's', role, by: 'b' });
      assert.equal(fate, role === 'commit' ? 'failed' : 'called');
    }
    assert.equal(await bench.prepared(), 1);
    assert.equal(await bench.fate({ number: 1, step: 's', role: 'commit' }), 'called');
    assert.equal(await free(bench, 'nail'), 6);
  }));

test('a row that another step holds is waited for, by the service itself', () =>
  on(async (bench) => {
    assert.equal(await bench.fate({ number: 0, step: 's', arguments: nail }), 'called');
    const second = { number: 0, step: 't', by: 'b', arguments: nail };
    assert.equal(await bench.fate(second), 'open');
    assert.equal(await bench.find(second), 'open');
    // Others are not held up.
    assert.equal(await bench.fate({ number: 1, step: 'u', by: 'b', arguments: { item: 'screw', quantity: 1 } }), 'called');
    assert.equal(await bench.fate({ number: 1, step: 's', role: 'commit' }), 'called');
    await bench.restart(); // and outlives the service
    await bench.store.carryOn(bench.signer);
    assert.equal(await bench.find(second), 'called');
    assert.equal(await bench.fate({ number: 2, step: 't', by: 'b', role: 'commit' }), 'called');
    assert.equal(await bench.fate({ number: 3, step: 'u', by: 'b', role: 'undo' }), 'called');
    assert.equal(await free(bench, 'nail'), 2);
  }));

test('what waits can be cancelled', () =>
  on(async (bench) => {
    assert.equal(await bench.fate({ number: 0, step: 's', arguments: nail }), 'called');
    const second = { number: 0, step: 't', by: 'b', arguments: nail };
    assert.equal(await bench.fate(second), 'open');
    assert.equal(await bench.fate({ ...second, purpose: 'cancel' }), 'cancelled');
    assert.equal(await bench.fate({ number: 1, step: 's', role: 'undo' }), 'called');
    await bench.store.carryOn(bench.signer);
    assert.equal(await bench.fate(second), 'cancelled');
    assert.equal(await bench.prepared(), 0);
  }));

test('what waits too long is failed, so that two that wait for each other end', () =>
  on(
    async (bench) => {
      assert.equal(await bench.fate({ number: 0, step: 's', arguments: nail }), 'called');
      const second = { number: 0, step: 't', by: 'b', arguments: nail };
      assert.equal(await bench.fate(second), 'open');
      await new Promise((done) => setTimeout(done, 700));
      const said = await bench.ask(second);
      assert.equal(said?.fate, 'failed');
      assert.match(said?.detail ?? '', /^waited too long: reserve\/statements\/0 is refused \(SQLSTATE 55P03\)$/);
      assert.equal(await bench.fate({ number: 1, step: 's', role: 'commit' }), 'called');
      assert.equal(await bench.fate({ number: 1, step: 't', by: 'b', arguments: nail }), 'called');
      assert.equal(await bench.fate({ number: 2, step: 't', by: 'b', role: 'undo' }), 'called');
    },
    { ...limits, patienceSeconds: 1 },
  ));

test('no room for more prepared transactions: not decided yet', () =>
  on(async (bench) => {
    const names: string[] = [];
    const client = await bench.admin.connect();
    for (let i = 0; ; ++i) {
      try {
        await client.query(`BEGIN; PREPARE TRANSACTION 'other ${i}'`);
        names.push(`other ${i}`);
      } catch {
        break;
      }
    }
    const asked = { number: 0, step: 's', arguments: nail };
    assert.equal(await bench.fate(asked), 'open');
    for (const name of names) await client.query(`ROLLBACK PREPARED '${name}'`);
    client.release();
    await bench.store.carryOn(bench.signer);
    assert.equal(await bench.find(asked), 'called');
    assert.equal(await bench.fate({ number: 1, step: 's', role: 'undo' }), 'called');
  }));

test('one account does not take all the room', () =>
  on(
    async (bench) => {
      const ask = (number: number, by: string) =>
        bench.fate({ number, step: `s${number}`, by, operation: 'note', arguments: { text: 't' } });
      assert.deepEqual([await ask(0, 'a'), await ask(1, 'a'), await ask(2, 'a')], ['called', 'called', 'open']);
      assert.equal(await ask(0, 'b'), 'called');
      for (const by of ['a', 'b']) assert.equal(await bench.fate({ number: 9, step: 's0', by, role: 'undo' }), 'called');
      await bench.store.carryOn(bench.signer);
      assert.equal(await bench.find({ number: 2, step: 's2' }), 'called');
      for (const number of [1, 2]) assert.equal(await bench.fate({ number: 10 + number, step: `s${number}`, role: 'undo' }), 'called');
    },
    { ...limits, perAccount: 2 },
  ));

test('what expires says so, is freed, and does not hold', () =>
  on(
    async (bench) => {
      const said = await bench.ask({ number: 0, step: 's', arguments: nail });
      const minutes = (Date.parse(said?.holds_until ?? '') - Date.now()) / 60_000;
      assert.ok(minutes > 9 && minutes <= 10, String(minutes));
      assert.equal(await bench.fate({ number: 1, step: 't', arguments: { item: 'screw', quantity: 1 } }), 'called');
      await bench.store.expire();
      assert.equal(await bench.prepared(), 2);
      await bench.admin.query("UPDATE concordat_participant.steps SET holds_until = now() - interval '1 s'");
      assert.equal(await bench.fate({ number: 2, step: 's', role: 'commit' }), 'failed');
      await bench.store.expire();
      assert.equal(await bench.prepared(), 0);
      assert.equal(await bench.fate({ number: 3, step: 't', role: 'commit' }), 'failed');
      assert.equal(await bench.fate({ number: 4, step: 't', role: 'undo' }), 'called');
      assert.equal(await bench.fate({ number: 5, step: 't', arguments: nail }), 'failed');
      assert.equal(await free(bench, 'nail'), 10);
    },
    { ...limits, holdMinutes: 10 },
  ));

test('an expiry that was interrupted is ended', () =>
  on(async (bench) => {
    assert.equal(await bench.fate({ number: 0, step: 's', arguments: nail }), 'called');
    await bench.admin.query("UPDATE concordat_participant.steps SET state = 'expired'");
    await bench.store.expire();
    assert.equal(await bench.prepared(), 0);
  }));

test("somebody else's hand is seen, and answers tell no lies about it", () =>
  on(async (bench) => {
    assert.equal(await bench.fate({ number: 0, step: 's', arguments: nail }), 'called');
    assert.equal(await bench.fate({ number: 1, step: 't', arguments: { item: 'screw', quantity: 1 } }), 'called');
    for (const one of await bench.store.prepared()) {
      await bench.admin.query(`${one.number === '0' ? 'ROLLBACK' : 'COMMIT'} PREPARED '${one.gid}'`);
    }
    assert.equal(await bench.fate({ number: 2, step: 's', role: 'commit' }), 'failed');
    assert.equal(await bench.fate({ number: 3, step: 's', role: 'undo' }), 'called');
    assert.equal(await bench.fate({ number: 4, step: 't', role: 'undo' }), 'failed');
    assert.equal(await bench.fate({ number: 5, step: 't', role: 'commit' }), 'called');
    assert.match(bench.logged.join('\n'), /rolled back by somebody else[^]*committed by somebody else/);
  }));

test('sessions that the database ends are no end of the service', () =>
  on(async (bench) => {
    const { signer } = bench;
    const sessions = "pg_stat_activity WHERE application_name = 'concordat test' AND datname = current_database()";
    const end = () => bench.admin.query(`SELECT pg_terminate_backend(pid) FROM ${sessions}`);
    // In use, and between two queries: while the answer is being signed.
    const sign = signer.answer.bind(signer);
    signer.answer = async (...all) => {
      await end();
      await new Promise((done) => setTimeout(done, 100));
      return sign(...all);
    };
    await assert.rejects(bench.ask({ number: 0, step: 's', arguments: nail }));
    signer.answer = sign;
    assert.equal(await bench.prepared(), 1);
    await end(); // not in use
    assert.equal(await bench.fate({ number: 0, step: 's', arguments: nail }).catch(() => 'called'), 'called');
    assert.equal(await bench.fate({ number: 0, step: 's', arguments: nail }), 'called');
    assert.equal(await bench.fate({ number: 1, step: 's', role: 'undo' }), 'called');
  }));

test('many at once, over two services: each once', () =>
  on(async (bench) => {
    const dust = { item: 'dust', quantity: 1 };
    const stores = [bench.store, bench.another()];
    const all = await Promise.allSettled(
      Array.from({ length: 24 }, (_, i) =>
        stores[i % 2]!.decide(bench.request({ number: Math.floor(i / 4), step: 'dust', by: 'c', arguments: dust }), bench.signer),
      ),
    );
    const fates = all.map((one) => (one.status === 'fulfilled' && one.value !== undefined ? decodeJwt(one.value).fate : 'none'));
    assert.equal(fates.filter((fate) => fate === 'called').length, 4, fates.join()); // one number, four times
    assert.equal(await bench.prepared(), 1);
    assert.equal(await bench.fate({ number: 100, step: 'dust', by: 'c', role: 'undo' }), 'called');
  }));

test('a database that cannot do it is refused, with what must be changed', async () => {
  const bench = await Bench.of(createDatabase(), shop, setup);
  try {
    const strange = operationsOf({ a: { statements: [{ sql: 'SELECT nothing FROM stock' }] } });
    const other = Bench.of(createDatabase(), strange, setup);
    await assert.rejects(other, /operations\/a\/statements\/0\/sql: column "nothing" does not exist/);
    await bench.admin.query("UPDATE concordat_participant.identity SET name = 'http:other'");
    await assert.rejects(bench.store.check(), /database: belongs to the participant http:other/);
    await bench.admin.query('DROP SCHEMA concordat_participant CASCADE');
    await assert.rejects(bench.store.check(), /database: has not got the tables that the command schema prints/);
  } finally {
    await bench.end();
  }
});
