// What the tests of this folder share: reading tests/vectors/evm.
#pragma once
#include <gtest/gtest.h>

#include <base/file.hpp>
#include <base/json.hpp>

#include "amount.hpp"

namespace concordat::ledger::evm {

inline json::Value read_vectors(std::string_view file) {
    const std::string path = std::string(CONCORDAT_SOURCE_DIR) + "/tests/vectors/evm/" + std::string(file);
    return json::parse(read_text_file(path), file);
}

inline Bytes hex_of(const json::Value& text) { return from_hex(std::string_view(text.as_string()).substr(2)).value(); }

// Runs `action`, which must throw, and gives "<field>: <rule>".
template <class Action>
std::string refusal(Action action) {
    try {
        action();
    } catch (const Error& error) {
        return error.field() + ": " + error.rule();
    }
    return "was accepted";
}

}  // namespace concordat::ledger::evm
