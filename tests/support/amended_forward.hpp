// The sample forward's next version: the package that calls margin and pays on a chain.
#pragma once
#include <client/documents.hpp>
#include <contract/package.hpp>

#include "fixture.hpp"

namespace concordat::test {

// `document` is that of a version of package 1.0.0, or of a later one.
inline void amend_forward(json::Object& document, const contract::Package& package, std::string_view threshold,
                          Random& random) {
    document["package"] = package.id().text();
    document["ledgers"] =
        json::Object{{"cash", json::Object{{"chain", "eip155:31337"},
                                           {"genesis", "0x" + std::string(64, '1')},
                                           {"address", "0x1111111111111111111111111111111111111111"},
                                           {"account", "main"},
                                           {"work", "150000"},
                                           {"ceiling", "1000000000"},
                                           {"finality", json::Object{{"blocks", 1}, {"witness", "host"}}},
                                           {"deadline_minutes", 60}}}};
    document.erase("sealed_terms");
    client::seal_terms(
        document, contract::Contract::parse(package.config).terms,
        json::Object{{"symbol", "MSFT"},
                     {"currency", "USD"},
                     {"effective", "2009-01-01"},
                     {"maturity", "2010-03-01"},
                     {"accounts", json::Object{{"buyer", "0x2222222222222222222222222222222222222222"},
                                               {"seller", "0x3333333333333333333333333333333333333333"}}},
                     {"notional", "1000"},
                     {"strike", "29.50"},
                     {"margin_threshold", threshold}},
        random);
}

}  // namespace concordat::test
