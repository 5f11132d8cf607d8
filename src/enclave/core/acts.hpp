// The entries that are not executions: bind, amend, propose, close, terminate. Pure functions like execute(); what
// needs the ledger's key authority is split in two around its answer.
#pragma once
#include <contract/input.hpp>

#include "execute.hpp"

namespace concordat::enclave {

// A signed binding version as it came in.
struct SignedVersion {
    Bytes bytes;  // JCS general JWS, the entry's input
    crypto::GeneralJws jws;
    contract::Binding binding;
    static SignedVersion parse(Bytes bytes);
};

// A general JWS in RFC 8785 form: its bytes become an entry's input as they are, and receipts are checked against that
// form.
crypto::GeneralJws parse_signed(ByteView bytes);

// Before the ledger is asked for keys: every signature, the ledger, the offer's expiry, the package's roles and
// sources.
void check_bind(const SignedVersion& version, const LoadedPackage& package, Kinds kinds,
                const crypto::PublicKey& ledger_key, TimeMs time);
void check_amend(const Context& context, const SignedVersion& version, const LoadedPackage& package, Kinds kinds,
                 TimeMs time);

// After it: `keys` of the binding, `terms` the plaintext of each sealed term. For an amendment, `keys` is re-pointed to
// the new version's audiences.
Link bind(const SignedVersion& version, const LoadedPackage& package, Keychain& keys, const Accounts& accounts,
          std::span<const SecretBytes> terms, TimeMs time, const runtime::Limits& limits, Random& random);
Link amend(const Context& context, const SignedVersion& version, const LoadedPackage& package, Keychain& keys,
           const Accounts& accounts, std::span<const SecretBytes> terms, TimeMs time, const runtime::Limits& limits,
           Random& random);

Link propose(const Context& context, SignedVersion&& version, TimeMs time);
// `input` holds decisions (compact JWS, one a line), or nothing once the deadline has passed.
Link close(const Context& context, Bytes&& input, TimeMs time);
Link terminate(const Context& context, Bytes&& input, TimeMs time);

}  // namespace concordat::enclave
