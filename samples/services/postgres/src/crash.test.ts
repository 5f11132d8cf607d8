// The service dies at each of its queries in turn: before it is sent, when nothing was heard of it, when it was done. Another
// one is started at once. In the end a step has happened once or not at all, as the answers say, and nothing is left prepared.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { Bench, Crash, createDatabase, operationsOf } from './testing.js';
import type { Asked, Instant } from './testing.js';

const operations = operationsOf({
  reserve: {
    arguments: { item: { type: 'text' }, quantity: { type: 'integer' } },
    statements: [{ sql: 'INSERT INTO taken (item, quantity) VALUES (:item, :quantity)' }],
  },
});
// The constraint trigger makes PREPARE TRANSACTION itself slow where the item says so.
const setup = `
  CREATE TABLE taken (item text, quantity integer CHECK (quantity > 0));
  CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN IF NEW.item LIKE ''slow%'' THEN PERFORM pg_sleep(0.5); END IF; RETURN NULL; END';
  CREATE CONSTRAINT TRIGGER slowly AFTER INSERT ON taken DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION slow();
  GRANT SELECT, INSERT ON taken TO ROLE;`;

let bench: Bench;
const open = async () => (bench ??= await Bench.of(createDatabase(), operations, setup));
after(() => bench?.end());

// Runs `doing` with a crash at every query it makes, and `then` after each.
async function everywhere(
  before: (step: string) => Promise<void>,
  doing: (step: string) => Asked,
  then: (step: string, first: Asked) => Promise<void>,
): Promise<void> {
  await open();
  let cases = 0;
  for (const instant of ['before', 'sent', 'after'] as Instant[]) {
    for (let at = 1; ; ++at) {
      const step = `${instant} ${at} ${++cases} ${Math.random()}`;
      await before(step);
      const asked = doing(step);
      await bench.restart();
      const crash = new Crash(at, instant);
      crash.arm();
      const done = await bench.ask(asked).then(
        () => true,
        () => false,
      );
      Crash.disarm();
      assert.ok(at < 60, 'as many queries as that are not expected');
      assert.equal(done, !crash.happened);
      await bench.restart();
      await then(step, asked);
      assert.equal(await bench.prepared(), 0, `left prepared: ${step}`);
      if (!crash.happened) break;
    }
  }
  assert.ok(cases > 20, `${cases} cases`);
}

const taken = (step: string) => bench.count(`taken WHERE item = '${step}'`);
let number = 0;
const nothing = async () => undefined;

test('a try that is asked for again, and committed', () =>
  everywhere(nothing, (step) => ({ number: ++number, step }), async (step, first) => {
    assert.equal(await bench.fate(first), 'called');
    assert.equal(await taken(step), 0);
    assert.equal(await bench.fate({ number: ++number, step, role: 'commit' }), 'called');
    assert.equal(await taken(step), 1);
  }));

test('a try that is cancelled', () =>
  everywhere(nothing, (step) => ({ number: ++number, step }), async (step, first) => {
    const fate = await bench.fate({ ...first, purpose: 'cancel' });
    assert.ok(fate === 'called' || fate === 'cancelled', fate);
    assert.equal(await bench.prepared(), fate === 'called' ? 1 : 0);
    assert.equal(await bench.fate(first), fate);
    assert.equal(await bench.fate({ number: ++number, step }), fate === 'called' ? 'failed' : 'called');
    assert.equal(await bench.fate({ number: ++number, step, role: 'undo' }), 'called');
    assert.equal(await taken(step), 0);
  }));

test('a try that nobody asks for again is ended by the service itself', () =>
  everywhere(nothing, (step) => ({ number: ++number, step }), async (step, first) => {
    await bench.store.carryOn(bench.signer);
    const found = await bench.find(first);
    assert.ok(found === 'called' || found === 'unused', found);
    assert.equal(await bench.prepared(), found === 'called' ? 1 : 0);
    assert.equal(await bench.fate({ number: ++number, step, role: 'undo' }), 'called');
    assert.equal(await bench.fate(first), found === 'called' ? 'called' : 'failed');
  }));

test('a try that is refused leaves nothing', () =>
  everywhere(
    nothing,
    (step) => ({ number: ++number, step, arguments: { item: step, quantity: 0 } }),
    async (step, first) => {
      assert.equal(await bench.fate(first), 'failed');
      assert.equal(await bench.count(`concordat_participant.steps WHERE operation IS NOT NULL AND state = 'trying'`), 0);
      assert.equal(await bench.fate({ number: ++number, step }), 'called');
      assert.equal(await bench.fate({ number: ++number, step, role: 'undo' }), 'called');
    },
  ));

const tried = async (step: string) => {
  assert.equal(await bench.fate({ number: ++number, step }), 'called');
};

test('a commit', () =>
  everywhere(tried, (step) => ({ number: ++number, step, role: 'commit' }), async (step, first) => {
    assert.equal(await bench.fate(first), 'called');
    assert.equal(await taken(step), 1);
    assert.equal(await bench.fate({ number: ++number, step, role: 'undo' }), 'failed');
  }));

test('a commit that is cancelled: it was done, or it is not', () =>
  everywhere(tried, (step) => ({ number: ++number, step, role: 'commit' }), async (step, first) => {
    const fate = await bench.fate({ ...first, purpose: 'cancel' });
    assert.equal(await taken(step), fate === 'called' ? 1 : 0);
    assert.equal(await bench.fate({ number: ++number, step, role: 'undo' }), fate === 'called' ? 'failed' : 'called');
  }));

test('an undo', () =>
  everywhere(tried, (step) => ({ number: ++number, step, role: 'undo' }), async (step, first) => {
    assert.equal(await bench.fate(first), 'called');
    assert.equal(await bench.fate({ number: ++number, step, role: 'commit' }), 'failed');
    assert.equal(await taken(step), 0);
  }));

test('an undo that overtook its try', () =>
  everywhere(nothing, (step) => ({ number: ++number, step, role: 'undo' }), async (step, first) => {
    assert.equal(await bench.fate(first), 'called');
    assert.equal(await bench.fate({ number: ++number, step }), 'failed');
    assert.equal(await taken(step), 0);
  }));

test('while the killed one still prepares, nobody answers that it was not done', async () => {
  await open();
  for (const purpose of ['cancel', 'call'] as const) {
    const first: Asked = { number: ++number, step: `slow ${purpose}` };
    await bench.restart();
    const crash = new Crash(/^PREPARE/, 'sent');
    crash.arm();
    await assert.rejects(bench.ask(first));
    Crash.disarm();
    assert.equal(await bench.prepared(), 0, 'too fast to show anything');
    await bench.restart();
    assert.equal(await bench.fate({ ...first, purpose }), 'called');
    assert.equal(await bench.prepared(), 1);
    assert.equal(await bench.fate({ number: ++number, step: first.step, role: 'undo' }), 'called');
    assert.equal(await bench.prepared(), 0);
  }
});
