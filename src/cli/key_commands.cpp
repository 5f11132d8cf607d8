// `concordat key`: a party's own keys.
#include "groups.hpp"
#include "input.hpp"
#include "output.hpp"

namespace concordat::cli {

namespace {

struct NewKey {
    std::string file, id, alg = "ES256K", passphrase_file;
};

void show_public(const vault::KeyFile& file) {
    // Always JSON: it is what `binding draft --party role=FILE` reads.
    print(pretty(public_part(file)));
}

void add_new(CLI::App& group, Session& session) {
    auto* command = group.add_subcommand("new", "Make a key file; its public part is printed, to give to the others");
    const auto options = std::make_shared<NewKey>();
    command->add_option("FILE", options->file, "file to make; readable by you only")->required();
    command->add_option("--id", options->id, "who you are: a DID or a name")->required();
    command->add_option("--alg", options->alg, "ES256K, ES256 or EdDSA")->capture_default_str();
    command
        ->add_option("--passphrase-file", options->passphrase_file, "seal the file under the passphrase in this file")
        ->envname("CONCORDAT_PASSPHRASE_FILE");
    command->callback([options, &session] {
        const auto passphrase = passphrase_from(options->passphrase_file);
        show_public(vault::KeyFile::create(options->file, options->id, crypto::alg_from_name(options->alg, "--alg"),
                                           session.random, passphrase));
    });
}

void add_show(CLI::App& group) {
    auto* command = group.add_subcommand("show", "Print the public part of a key file");
    const auto options = std::make_shared<KeyOptions>();
    command->add_option("FILE", options->file, "the key file")->required();
    command->add_option("--passphrase-file", options->passphrase_file, "file that holds its passphrase")
        ->envname("CONCORDAT_PASSPHRASE_FILE");
    command->callback([options] { show_public(options->load()); });
}

}  // namespace

void add_key_commands(CLI::App& app, Session& session) {
    auto* group = app.add_subcommand("key", "Your own keys, in files that only you can read");
    group->require_subcommand(1);
    add_new(*group, session);
    add_show(*group);
}

}  // namespace concordat::cli
