#include "protocol.hpp"

#include <contract/binding.hpp>

namespace concordat::enclave {

namespace {
constexpr std::size_t max_text = 1 << 20;

void write_routes(wire::Writer& out, const Routes& routes) {
    out.u32(static_cast<std::uint32_t>(routes.size()));
    for (const auto& [ledger, route] : routes) {
        out.text(ledger);
        out.text(route.chain);
        out.u8(static_cast<std::uint8_t>(route.reason));
        out.u32(static_cast<std::uint32_t>(route.passed.size()));
        for (const contract::Route::Passed& one : route.passed) {
            out.text(one.chain);
            out.u8(static_cast<std::uint8_t>(one.reason));
        }
    }
}

contract::RouteReason read_reason(wire::Reader& in) {
    const std::uint8_t reason = in.u8();
    if (reason > static_cast<std::uint8_t>(contract::RouteReason::later)) {
        throw Error(Code::protocol, "execute.routes", "must have reasons that there are");
    }
    return static_cast<contract::RouteReason>(reason);
}

Routes read_routes(wire::Reader& in) {
    constexpr std::size_t max_name = 128;
    Routes out;
    for (std::uint32_t left = in.count(contract::max_ledgers); left > 0; --left) {
        contract::Route& route = out[std::string(in.text(max_name))];
        route.chain = in.text(max_name);
        route.reason = read_reason(in);
        for (std::uint32_t others = in.count(contract::max_candidates); others > 0; --others) {
            std::string chain(in.text(max_name));
            route.passed.push_back({std::move(chain), read_reason(in)});
        }
    }
    return out;
}

}  // namespace

Bytes encode(const HelloReply& v) {
    wire::Writer out;
    out.text(v.key);
    out.text(v.evidence);
    out.text(v.sandbox);
    out.hash(v.measurement);
    out.u8(v.dedicated ? 1 : 0);
    return out.take();
}

HelloReply decode_hello_reply(ByteView bytes) {
    wire::Reader in(bytes);
    HelloReply v;
    v.key = in.text(max_text);
    v.evidence = in.text(max_text);
    v.sandbox = in.text(max_text);
    v.measurement = in.hash();
    v.dedicated = in.u8() != 0;
    in.finish();
    return v;
}

Bytes encode(const LoadPackage& v) {
    wire::Writer out;
    for (const Bytes* part : {&v.manifest, &v.config, &v.module, &v.provenance}) out.bytes(*part);
    return out.take();
}

LoadPackage decode_load_package(ByteView bytes) {
    wire::Reader in(bytes);
    LoadPackage v;
    for (Bytes* part : {&v.manifest, &v.config, &v.module, &v.provenance}) *part = to_bytes(in.bytes());
    in.finish();
    return v;
}

Bytes encode(const LoadBinding& v) {
    wire::Writer out;
    out.bytes(v.binding_jws);
    v.head.write(out);
    return out.take();
}

LoadBinding decode_load_binding(ByteView bytes) {
    wire::Reader in(bytes);
    LoadBinding v;
    v.binding_jws = to_bytes(in.bytes());
    v.head = contract::EntryRecord::read(in);
    in.finish();
    return v;
}

Bytes encode(const Execute& v) {
    wire::Writer out;
    out.reserve(128 + v.input.size());
    out.hash(v.binding);
    out.u64(static_cast<std::uint64_t>(v.time));
    out.text(v.input);
    out.u32(static_cast<std::uint32_t>(v.ancestry.size()));
    for (const Bytes& document : v.ancestry) out.bytes(document);
    out.text(v.trace);
    write_routes(out, v.routes);
    return out.take();
}

Execute decode_execute(ByteView bytes) {
    wire::Reader in(bytes);
    Execute v;
    v.binding = in.hash();
    v.time = static_cast<TimeMs>(in.u64());
    v.input = in.text(max_text);
    const std::uint32_t documents = in.count(4096);
    v.ancestry.reserve(documents);
    for (std::uint32_t i = 0; i < documents; ++i) v.ancestry.push_back(to_bytes(in.bytes(max_text)));
    v.trace = ccl::read_trace(in);
    v.routes = read_routes(in);
    in.finish();
    return v;
}

Bytes encode(const Act& v) {
    wire::Writer out;
    out.u8(static_cast<std::uint8_t>(v.type));
    out.hash(v.binding);
    out.u64(static_cast<std::uint64_t>(v.time));
    out.bytes(v.input);
    out.hash(v.transaction);
    out.u32(v.call);
    out.text(v.trace);
    return out.take();
}

Act decode_act(ByteView bytes) {
    wire::Reader in(bytes);
    Act v;
    v.type = static_cast<contract::EntryType>(in.u8());
    v.binding = in.hash();
    v.time = static_cast<TimeMs>(in.u64());
    v.input = to_bytes(in.bytes());
    v.transaction = in.hash();
    v.call = in.u32();
    v.trace = ccl::read_trace(in);
    in.finish();
    return v;
}

Bytes encode(const Sign& v) {
    wire::Writer out;
    out.hash(v.binding);
    out.hash(v.transaction);
    out.u32(v.call);
    out.u8(static_cast<std::uint8_t>(v.purpose));
    out.u64(v.price);
    return out.take();
}

Sign decode_sign(ByteView bytes) {
    wire::Reader in(bytes);
    Sign v;
    v.binding = in.hash();
    v.transaction = in.hash();
    v.call = in.u32();
    const std::uint8_t purpose = in.u8();
    if (purpose > 1) throw Error(Code::protocol, "sign.purpose", "must be 0 or 1");
    v.purpose = static_cast<ledger::Purpose>(purpose);
    v.price = in.u64();
    in.finish();
    return v;
}

Bytes encode(const Committed& v) { return encode_committed(v.record, v.claim, v.receipt); }

Bytes encode_committed(const contract::EntryRecord& record, const ccl::Claim& claim,
                       const ccl::LedgerReceipt& receipt) {
    wire::Writer out;
    out.reserve(512 + record.size() + 32 * (claim.path.size() + receipt.path.size()));
    record.write(out);
    claim.write(out);
    receipt.write(out);
    return out.take();
}

Committed decode_committed(ByteView bytes) {
    wire::Reader in(bytes);
    Committed v;
    v.record = contract::EntryRecord::read(in);
    v.claim = ccl::Claim::read(in);
    v.receipt = ccl::LedgerReceipt::read(in);
    in.finish();
    return v;
}

Bytes encode(const ErrorReply& v) {
    wire::Writer out;
    out.text(v.code);
    out.text(v.field);
    out.text(v.rule);
    return out.take();
}

ErrorReply decode_error(ByteView bytes) {
    wire::Reader in(bytes);
    ErrorReply v;
    v.code = in.text(max_text);
    v.field = in.text(max_text);
    v.rule = in.text(max_text);
    in.finish();
    return v;
}

}  // namespace concordat::enclave
