// docs/participants.md over HTTP.
import { readFileSync } from 'node:fs';
import * as http from 'node:http';
import * as https from 'node:https';
import type { Config } from './config.js';
import { Problem } from './problem.js';
import { maxRequestBytes, readAccount, readNumber, readRequest } from './protocol.js';
import type { Request, Signer } from './protocol.js';

// What decides. An answer is durable, with its effect, before it is given; nothing: it is not decided yet.
export interface Decider {
  decide(request: Request, signer: Signer): Promise<string | undefined>;
  find(account: string, number: string): Promise<Found>;
}
export type Found = { status: 'unused' } | { status: 'open' } | { status: 'answered'; answer: string };

type Reply = { status: number; type: string; body: string };

const json = (body: string): Reply => ({ status: 200, type: 'application/json', body });
const jose = (body: string): Reply => ({ status: 200, type: 'application/jose', body });
const undecided: Reply = { status: 202, type: 'application/json', body: '{"status":"undecided"}' };

async function readBody(request: http.IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of request) {
    size += (part as Buffer).length;
    if (size > maxRequestBytes) throw new Problem(413, '', `must be at most ${maxRequestBytes} bytes`);
    parts.push(part as Buffer);
  }
  return Buffer.concat(parts).toString('latin1');
}

function pathOf(url: string): string[] {
  try {
    return new URL(url, 'http://here').pathname.split('/').filter((part) => part !== '');
  } catch {
    throw new Problem(400, '', 'must be a path');
  }
}

export class Service {
  private readonly server: http.Server;
  private callers: Set<string>;

  constructor(
    private readonly program: string,
    private readonly config: Config,
    private readonly decider: Decider,
    private readonly signer: Signer,
  ) {
    this.callers = config.callers;
    const options = { requestTimeout: 10_000, headersTimeout: 5_000, maxHeaderSize: 16 * 1024 };
    const handler = (request: http.IncomingMessage, response: http.ServerResponse) => void this.serve(request, response);
    this.server =
      config.tls === undefined
        ? http.createServer(options, handler)
        : https.createServer(
            { ...options, key: readFileSync(config.tls.key), cert: readFileSync(config.tls.certificate), minVersion: 'TLSv1.2' },
            handler,
          );
    this.server.maxConnections = 256;
  }

  allow(callers: Set<string>): void {
    this.callers = callers;
  }

  listen(): Promise<number> {
    return new Promise((done, fail) => {
      this.server.once('error', fail);
      this.server.listen(this.config.port, this.config.host, () => {
        const address = this.server.address();
        done(typeof address === 'object' && address !== null ? address.port : this.config.port);
      });
    });
  }

  close(): Promise<void> {
    this.server.closeIdleConnections();
    return new Promise((done) => this.server.close(() => done()));
  }

  private async serve(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    let reply: Reply;
    try {
      reply = await this.route(request);
    } catch (error) {
      // What the database does not say is not known: the same may be asked again.
      const problem = error instanceof Problem ? error : new Problem(503, '', 'the database does not answer');
      if (!(error instanceof Problem)) console.error(`${this.program}: ${(error as Error).message}`);
      reply = { status: problem.status, type: 'application/problem+json', body: problem.document() };
    }
    if (!request.complete) response.setHeader('Connection', 'close');
    response.writeHead(reply.status, { 'Content-Type': reply.type, 'Content-Length': Buffer.byteLength(reply.body) });
    response.end(reply.body);
  }

  private async route(request: http.IncomingMessage): Promise<Reply> {
    const parts = pathOf(request.url ?? '/');
    const expect = (method: string) => {
      if (request.method !== method) throw new Problem(405, '', `must be ${method}`);
    };
    if (parts.length === 0) {
      expect('GET');
      return json(this.signer.describe());
    }
    if (parts[0] === 'requests' && parts.length === 1) {
      expect('POST');
      const answer = await this.take(request);
      return answer === undefined ? undecided : jose(answer);
    }
    if (parts[0] === 'requests' && parts.length === 3) {
      expect('GET');
      const found = await this.decider.find(readAccount(parts[1], '/account'), readNumber(parts[2], '/number'));
      if (found.status === 'unused') throw new Problem(404, '/number', 'has not been used');
      return found.status === 'open' ? undecided : jose(found.answer);
    }
    throw new Problem(404, '', 'there is /, /requests and /requests/ACCOUNT/NUMBER');
  }

  private async take(incoming: http.IncomingMessage): Promise<string | undefined> {
    if (incoming.headers['content-type'] !== 'application/jose') {
      throw new Problem(415, 'Content-Type', 'must be application/jose');
    }
    const request = await readRequest(await readBody(incoming), this.signer.name);
    const key = incoming.headers['idempotency-key'];
    if (key !== undefined && key !== `"${request.account}/${request.number}"`) {
      throw new Problem(400, 'Idempotency-Key', 'must be "account/number" of the request');
    }
    if (!this.callers.has(request.account)) {
      throw new Problem(403, '/account', 'is not among the callers that this service is configured for');
    }
    return this.decider.decide(request, this.signer);
  }
}
