// What is refused: an RFC 9457 problem document with the HTTP status, and which field broke which rule.
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly field: string,
    readonly rule: string,
  ) {
    super(`${field}: ${rule}`);
  }

  document(): string {
    const titles: Record<number, string> = {
      400: 'The request does not have the form that it must have',
      401: 'The signature does not hold',
      403: 'The account may not ask anything here',
      404: 'There is no such thing here',
      405: 'The resource does not take this method',
      409: 'The number was used for another call',
      413: 'The request is too large',
      415: 'The request must be application/jose',
      503: 'The service cannot answer now; ask again',
    };
    const title = titles[this.status] ?? 'Something went wrong';
    return JSON.stringify({ type: 'about:blank', title, status: this.status, field: this.field, rule: this.rule });
  }
}
