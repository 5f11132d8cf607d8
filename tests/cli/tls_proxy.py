"""tls_proxy.py CERTIFICATE KEY PORT: TLS on a free port of 127.0.0.1, which it prints, in front of PORT there."""

import asyncio
import ssl
import sys


async def copy(source, sink):
    try:
        while data := await source.read(1 << 16):
            sink.write(data)
            await sink.drain()
    except OSError:
        pass
    finally:
        sink.close()


async def main(certificate, key, port):
    async def serve(reader, writer):
        inside_reader, inside_writer = await asyncio.open_connection("127.0.0.1", int(port))
        await asyncio.gather(copy(reader, inside_writer), copy(inside_reader, writer))

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(main(*sys.argv[1:]))
