// concordat: the command line of parties, operators and verifiers, and the node itself.
#include <cli/cli.hpp>

int main(int argc, char** argv) { return concordat::cli::run(argc, argv, CONCORDAT_VERSION); }
