// The offline verifier: a receipt, the verifier's own trust file, a verdict. Exit status: 0 the receipt holds, 1 it
// does not, 2 wrong use or a file that cannot be read.
#include <array>
#include <base/error.hpp>
#include <iostream>
#include <ledger/kinds/kinds.hpp>
#include <proof/check.hpp>
#include <string_view>

namespace {

using namespace concordat;

constexpr std::string_view usage =
    "usage: concordat-verify RECEIPT --trust FILE [--json]\n"
    "       concordat-verify --help | --version\n"
    "Exit status: 0 the receipt holds, 1 it does not, 2 wrong use or a file that cannot be read.\n";

struct Arguments {
    std::string receipt, trust;
    bool json = false;
};

// False when the arguments make no sense.
bool read_arguments(int argc, char** argv, Arguments& out) {
    for (int i = 1; i < argc; ++i) {
        const std::string_view argument = argv[i];
        if (argument == "--json") {
            out.json = true;
        } else if (argument == "--trust" && i + 1 < argc) {
            out.trust = argv[++i];
        } else if (!argument.starts_with("--") && out.receipt.empty()) {
            out.receipt = argument;
        } else {
            return false;
        }
    }
    return !out.receipt.empty() && !out.trust.empty();
}

}  // namespace

int main(int argc, char** argv) {
    const std::string_view only = argc == 2 ? argv[1] : "";
    if (only == "--help" || only == "--version") {
        std::cout << (only == "--help" ? usage : std::string_view("concordat-verify " CONCORDAT_VERSION "\n"));
        return 0;
    }
    Arguments arguments;
    if (!read_arguments(argc, argv, arguments)) {
        std::cerr << usage;
        return 2;
    }
    try {
        return proof::check_files(arguments.receipt, arguments.trust, ledger::all_kinds(), arguments.json, std::cout);
    } catch (const Error& error) {
        std::cerr << "concordat-verify: " << error.field() << ": " << error.rule() << '\n';
    } catch (const std::exception& error) {
        std::cerr << "concordat-verify: " << error.what() << '\n';
    }
    return 2;
}
