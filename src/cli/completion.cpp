// `concordat completion`: made from the commands themselves, so that it never lags behind them.
#include "groups.hpp"
#include "output.hpp"

namespace concordat::cli {

namespace {

// The options of a command and of all above it, which it takes as well.
std::string words_of(const CLI::App* app) {
    std::vector<std::string> words;
    for (const CLI::App* sub : app->get_subcommands([](const CLI::App*) { return true; }))
        words.push_back(sub->get_name());
    for (const CLI::App* at = app; at != nullptr; at = at->get_parent()) {
        for (const CLI::Option* option : at->get_options()) {
            for (const std::string& name : option->get_lnames()) words.push_back("--" + name);
        }
    }
    return joined(words, " ");
}

void append_cases(std::string& out, const CLI::App* app, const std::string& path) {
    out += "    \"" + path + "\") words=\"" + words_of(app) + "\" ;;\n";
    for (const CLI::App* sub : app->get_subcommands([](const CLI::App*) { return true; }))
        append_cases(out, sub, path + " " + sub->get_name());
}

std::string bash_script(const CLI::App& app) {
    std::string cases;
    append_cases(cases, &app, app.get_name());
    return "# bash completion for concordat: source <(concordat completion bash)\n"
           "_concordat() {\n"
           "  local words path=concordat word try\n"
           "  local current=${COMP_WORDS[COMP_CWORD]}\n"
           "  for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
           "    try=\"$path $word\"\n"
           "    _concordat_words \"$try\" && path=$try\n"
           "  done\n"
           "  _concordat_words \"$path\"\n"
           "  COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
           "  if [ ${#COMPREPLY[@]} = 0 ]; then COMPREPLY=($(compgen -f -- \"$current\")); fi\n"
           "}\n"
           "_concordat_words() {\n"
           "  case $1 in\n" +
           cases +
           "    *) return 1 ;;\n"
           "  esac\n"
           "}\n"
           "complete -o filenames -F _concordat concordat\n";
}

// docs/cli.md's reference: a heading and a table for each command.
void append_reference(std::string& out, const CLI::App* app, const std::string& path) {
    std::string usage, rows;
    for (const CLI::Option* option : app->get_options()) {
        if (option == app->get_help_ptr()) continue;
        const std::string name = option->get_name(false, true);
        if (option->get_positional()) usage += option->get_required() ? " " + name : " [" + name + "]";
        rows +=
            "| `" + name + "` | " + option->get_description() + (option->get_required() ? " (needed)" : "") + " |\n";
    }
    out += "\n### `" + path + usage + "`\n" + app->get_description() + ".\n";
    if (!rows.empty()) out += "\n| | |\n|---|---|\n" + rows;
    for (const CLI::App* sub : app->get_subcommands([](const CLI::App*) { return true; }))
        append_reference(out, sub, path + " " + sub->get_name());
}

}  // namespace

void add_completion_command(CLI::App& app, Session&) {
    auto* command = app.add_subcommand("completion", "Shell completion: source <(concordat completion bash)");
    const auto shell = std::make_shared<std::string>();
    command->add_option("SHELL", *shell, "bash or zsh; markdown is what docs/cli.md holds")
        ->required()
        ->check(CLI::IsMember({"bash", "zsh", "markdown"}));
    command->callback([&app, shell] {
        if (*shell == "markdown") {
            std::string reference;
            append_reference(reference, &app, app.get_name());
            return print(reference);
        }
        if (*shell == "zsh")
            print("autoload -U +X compinit && compinit\nautoload -U +X bashcompinit && bashcompinit\n");
        print(bash_script(app));
    });
}

}  // namespace concordat::cli
