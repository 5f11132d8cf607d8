// What this service does: a payment is reserved (try), paid (confirm) or given back (cancel). Each function is called
// inside a database transaction that also keeps its answer.
import type { Client } from './store.js';
import type { Outcome, Request } from '../../participant/src/protocol.js';

interface Payment {
  payer: string;
  payee: string;
  amount: string;
  reference: string;
}

const failed = (detail: string): Outcome => ({ fate: 'failed', detail });

const forms: Record<string, RegExp> = {
  from: /^[A-Za-z0-9._:-]{1,64}$/,
  to: /^[A-Za-z0-9._:-]{1,64}$/,
  amount: /^(0|[1-9][0-9]{0,14})(\.[0-9]{1,6})?$/,
  reference: /^[\x20-\x7e]{0,140}$/,
};

// What is wrong with the arguments will be wrong the next time too: it is a failed call, not a request that may come again.
function readPayment(given: Record<string, unknown>): Payment | string {
  for (const name of Object.keys(given)) if (!Object.hasOwn(forms, name)) return `arguments/${name} is not known here`;
  for (const [name, form] of Object.entries(forms)) {
    const value = given[name];
    if (typeof value !== 'string' || !form.test(value)) return `arguments/${name} must match ${form.source}`;
  }
  const payment = {
    payer: given.from as string,
    payee: given.to as string,
    amount: given.amount as string,
    reference: given.reference as string,
  };
  if (/^[0.]*$/.test(payment.amount)) return 'arguments/amount must be above zero';
  if (payment.payer === payment.payee) return 'arguments/to must be another account than arguments/from';
  return payment;
}

async function stateOf(client: Client, caller: string, step: string): Promise<string | undefined> {
  const found = await client.query('SELECT state FROM steps WHERE caller = $1 AND step = $2 FOR UPDATE', [caller, step]);
  return found.rows[0]?.state;
}

// Both accounts, always in one order, so that two payments that go opposite ways do not wait for each other.
async function lockAccounts(client: Client, payment: Payment): Promise<string | undefined> {
  const found = await client.query('SELECT name FROM accounts WHERE name IN ($1, $2) ORDER BY name FOR UPDATE', [
    payment.payer,
    payment.payee,
  ]);
  const known = new Set(found.rows.map((row) => row.name as string));
  return [payment.payer, payment.payee].find((name) => !known.has(name));
}

export async function reserve(client: Client, request: Request, holdsUntil: Date | undefined): Promise<Outcome> {
  const { call, account } = request;
  if (call.resource !== 'payments') return failed(`there is no resource ${call.resource} here, only payments`);
  if (call.operation !== 'reserve') return failed(`there is no operation ${call.operation} here, only reserve`);
  const before = await stateOf(client, account, call.step);
  if (before === 'undone') return failed('the step was undone before it was tried');
  if (before !== undefined) return failed('the step was tried before');
  const payment = readPayment(call.arguments);
  if (typeof payment === 'string') return failed(payment);
  const unknown = await lockAccounts(client, payment);
  if (unknown !== undefined) return failed(`there is no account ${unknown}`);
  const held = await client.query(
    'UPDATE accounts SET held = held + $2 WHERE name = $1 AND balance - held >= $2 RETURNING name',
    [payment.payer, payment.amount],
  );
  if (held.rowCount === 0) return failed(`the account ${payment.payer} has less than ${payment.amount} free`);
  await client.query(
    `INSERT INTO steps (caller, step, state, payer, payee, amount, reference, holds_until)
     VALUES ($1, $2, 'reserved', $3, $4, $5, $6, $7)`,
    [account, call.step, payment.payer, payment.payee, payment.amount, payment.reference, holdsUntil ?? null],
  );
  return holdsUntil === undefined ? { fate: 'called' } : { fate: 'called', holdsUntil };
}

async function release(client: Client, caller: string, step: string, state: 'undone' | 'expired'): Promise<void> {
  const freed = await client.query(
    'UPDATE steps SET state = $3 WHERE caller = $1 AND step = $2 RETURNING payer, amount',
    [caller, step, state],
  );
  await client.query('UPDATE accounts SET held = held - $2 WHERE name = $1', [freed.rows[0].payer, freed.rows[0].amount]);
}

export async function take(client: Client, caller: string, step: string, time: Date): Promise<Outcome> {
  const found = await client.query(
    'SELECT state, payer, payee, amount, holds_until FROM steps WHERE caller = $1 AND step = $2 FOR UPDATE',
    [caller, step],
  );
  const row = found.rows[0];
  if (row === undefined) return failed('the step was never tried');
  if (row.state === 'paid') return { fate: 'called' };
  if (row.state !== 'reserved') return failed(`the step's reservation is ${row.state}`);
  if (row.holds_until !== null && row.holds_until <= time) {
    await release(client, caller, step, 'expired');
    return failed("the step's reservation is expired");
  }
  await lockAccounts(client, row as Payment);
  await client.query('UPDATE accounts SET balance = balance - $2, held = held - $2 WHERE name = $1', [row.payer, row.amount]);
  await client.query('UPDATE accounts SET balance = balance + $2 WHERE name = $1', [row.payee, row.amount]);
  await client.query("UPDATE steps SET state = 'paid' WHERE caller = $1 AND step = $2", [caller, step]);
  return { fate: 'called' };
}

export async function giveBack(client: Client, caller: string, step: string): Promise<Outcome> {
  const state = await stateOf(client, caller, step);
  if (state === 'paid') return failed('the step is paid');
  if (state === 'reserved') await release(client, caller, step, 'undone');
  // Undone before it was tried: the try may still be on its way, and must find that it came too late.
  if (state === undefined) {
    await client.query("INSERT INTO steps (caller, step, state) VALUES ($1, $2, 'undone')", [caller, step]);
  }
  return { fate: 'called' };
}

export async function expire(client: Client, time: Date): Promise<number> {
  const late = await client.query(
    `SELECT caller, step FROM steps WHERE state = 'reserved' AND holds_until <= $1
     ORDER BY payer LIMIT 100 FOR UPDATE SKIP LOCKED`,
    [time],
  );
  for (const row of late.rows) await release(client, row.caller, row.step, 'expired');
  return late.rowCount ?? 0;
}
