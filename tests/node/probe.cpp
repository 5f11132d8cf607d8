// A node as a program of its own, for the tests: settings as NAME=VALUE; the port is told on descriptor 3.
#include <unistd.h>

#include <api/api.hpp>
#include <cstdio>
#include <cstdlib>
#include <string>

int main(int argc, char** argv) {
    std::map<std::string, std::string> given;
    for (int i = 1; i < argc; ++i) {
        const std::string text = argv[i];
        given[text.substr(0, text.find('='))] = text.substr(text.find('=') + 1);
    }
    try {
        const auto options = concordat::node::load_options(given, [](const char* name) { return std::getenv(name); });
        return concordat::api::run_node(options, [](std::uint16_t port) {
            const std::string line = std::to_string(port) + "\n";
            if (::write(3, line.data(), line.size()) < 0) std::perror("write");
        });
    } catch (const concordat::Error& error) {
        std::fprintf(stderr, "%s %s\n", std::string(concordat::code_name(error.code())).c_str(), error.what());
        return 2;
    }
}
