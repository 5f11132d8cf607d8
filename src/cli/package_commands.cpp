// `concordat package`: from a folder of sources to a package on a node.
#include <registry/archive.hpp>
#include <registry/build.hpp>
#include <registry/scaffold.hpp>
#include <registry/scenario.hpp>

#include "current.hpp"
#include "groups.hpp"
#include "input.hpp"
#include "output.hpp"

namespace concordat::cli {

namespace {

using registry::Toolchain;

struct PackageOptions {
    std::string folder = ".", out, file, name, sources;
    std::size_t limit = 100;
};
using Options = std::shared_ptr<PackageOptions>;

enclave::runtime::Engine& engine() {
    static enclave::runtime::Engine one;  // the runtime asks for one per process
    static const bool ticking = (one.start_ticker(), true);
    (void)ticking;
    return one;
}

json::Object summary(const contract::Package& package) {
    return {{"package", package.id().text()},
            {"name", package.contract.name},
            {"version", package.contract.version},
            {"description", package.contract.description}};
}

void new_package(Session& session, const PackageOptions& options) {
    const auto folder = registry::scaffold_package(options.folder, options.name);
    if (session.json) return print_json(json::Object{{"folder", folder.string()}});
    print(folder.string() + " made. Try: concordat package test " + folder.string() + "\n");
}

void build(Session& session, const PackageOptions& options) {
    const contract::Package package =
        registry::build_package(std::filesystem::path(options.folder), Toolchain::find(), engine());
    const std::string file = options.out.empty() ? registry::archive_name(package) : options.out;
    write_file_atomic(file, registry::write_archive(package));
    json::Object out = summary(package);
    out["file"] = file;
    if (session.json) return print_json(out);
    print(package.contract.name + " " + package.contract.version + "  " + package.id().text() + "\nwritten to " + file +
          "\n");
}

json::Object scenario_json(const registry::ScenarioResult& one) {
    json::Array problems;
    for (const std::string& problem : one.problems) problems.emplace_back(problem);
    return {{"file", one.file},
            {"description", one.description},
            {"passed", one.passed()},
            {"steps", static_cast<std::int64_t>(one.steps)},
            {"fuel", static_cast<std::int64_t>(one.fuel)},
            {"problems", std::move(problems)}};
}

void test(Session& session, const PackageOptions& options) {
    const registry::PackageTest result = registry::test_package(options.folder, Toolchain::find(), engine());
    session.exit_code = result.passed() ? 0 : 1;
    if (session.json) {
        json::Object out = summary(result.package);
        json::Array all;
        for (const auto& one : result.scenarios) all.push_back(scenario_json(one));
        out["scenarios"] = std::move(all);
        out["passed"] = result.passed();
        return print_json(out);
    }
    for (const auto& one : result.scenarios) {
        print((one.passed() ? "pass  " : "FAIL  ") + one.file + ": " + one.description + " (" +
              std::to_string(one.steps) + " steps, fuel " + std::to_string(one.fuel) + ")\n");
        for (const std::string& problem : one.problems) print("      " + problem + "\n");
    }
    if (result.scenarios.empty()) print("no scenario in tests/*.yaml\n");
    print(result.package.contract.name + " " + result.package.contract.version + "  " + result.package.id().text() +
          "\n");
}

contract::Package package_of(Session& session, const std::string& file) {
    return file.starts_with("sha256:") ? fetch_package(session, digest_argument(file, "PACKAGE"))
                                       : registry::read_archive_file(file);
}

void add_audiences(Table& table, const std::string& where, const schema::Schema& schema) {
    for (const auto& field : schema.confidential()) table.add({where, joined(field.path, "/"), field.audience});
}

std::string contract_text(const contract::Contract& contract) {
    Table actions({"ACTION", "FROM", "ASKS STATE", "EFFECTS"});
    Table secrets({"WHERE", "FIELD", "READ BY"});
    for (const auto& [name, action] : contract.actions) {
        actions.add({name, joined(action.from), action.when ? "yes" : "",
                     joined(action.effects) + (action.early ? " (committed early)" : "")});
        add_audiences(secrets, "message of " + name, action.message);
        if (action.result) add_audiences(secrets, "result of " + name, *action.result);
    }
    add_audiences(secrets, "state", contract.state);
    add_audiences(secrets, "terms", contract.terms);
    std::vector<std::string> sources;
    for (const auto& [name, schema] : contract.sources) sources.push_back(name);
    return "roles    " + joined(contract.roles) + "\nsources  " + joined(sources) + "\n\n" + actions.text() +
           "\nConfidential fields\n" + secrets.text();
}

void inspect(Session& session, const PackageOptions& options) {
    const contract::Package package = package_of(session, options.file);
    const json::Value provenance =
        json::parse(text_of(package.provenance), "provenance", {.bytes = std::size_t{16} << 20});
    if (session.json) {
        json::Object out = summary(package);
        out["contract"] = json::parse(text_of(package.config), "contract", {.bytes = std::size_t{16} << 20});
        out["provenance"] = provenance;
        out["module"] = json::Object{{"digest", package.parsed.module.text()},
                                     {"bytes", static_cast<std::int64_t>(package.module.size())}};
        return print_json(out);
    }
    print(package.contract.name + " " + package.contract.version + ": " + package.contract.description + "\n" +
          package.id().text() + "\n\n" + contract_text(package.contract) + "\nmodule " + package.parsed.module.text() +
          ", " + std::to_string(package.module.size()) + " bytes; no imports, as the runtime asks\nProvenance\n" +
          pretty(provenance));
}

void verify(Session& session, const PackageOptions& options) {
    const contract::Package package = package_of(session, options.file);  // every digest was checked
    registry::load_package(package, engine());                            // imports, exports, limits
    std::vector<registry::Difference> differences;
    if (!options.sources.empty())
        differences = registry::verify_from_source(package, options.sources, Toolchain::find(), engine());
    session.exit_code = differences.empty() ? 0 : 1;
    if (session.json) {
        json::Array all;
        for (const auto& one : differences)
            all.push_back(
                json::Object{{"what", one.what}, {"in_package", one.in_package}, {"in_rebuild", one.in_rebuild}});
        json::Object out = summary(package);
        out["from_source"] = !options.sources.empty();
        out["differences"] = std::move(all);
        return print_json(out);
    }
    print(package.id().text() + "\nwell formed: every digest, schema, import and export\n");
    if (options.sources.empty()) return print("not compared with its sources: give --from-source FOLDER\n");
    if (differences.empty()) return print("the same as what " + options.sources + " gives when built here\n");
    Table table({"DIFFERS", "IN THE PACKAGE", "IN THE REBUILD"});
    for (const auto& one : differences) table.add({one.what, one.in_package, one.in_rebuild});
    print("NOT what " + options.sources + " gives:\n" + table.text());
}

void publish(Session& session, const PackageOptions& options) {
    const Bytes archive = read_file(options.file, registry::max_archive_bytes + 1);
    const contract::Package package = registry::read_archive(archive);
    const json::Value answer = session.post_json("/v1/packages", text_of(archive), "application/x-tar");
    if (session.json) return print_json(summary(package));
    print("published " + package.contract.name + " " + package.contract.version + "  " + text_at(answer, "package") +
          "\n");
}

void fetch(Session& session, const PackageOptions& options) {
    const contract::Package package = fetch_package(session, digest_argument(options.file, "PACKAGE"));
    const std::string file = options.out.empty() ? registry::archive_name(package) : options.out;
    write_file_atomic(file, registry::write_archive(package));
    json::Object out = summary(package);
    out["file"] = file;
    session.json ? print_json(out) : print("written to " + file + "\n");
}

void list(Session& session, const PackageOptions& options) {
    const json::Array packages = session.collect("/v1/packages", "packages", options.limit);
    if (session.more) note("there may be more: raise --limit");
    if (session.json) return print_json(json::Value(packages));
    Table table({"NAME", "VERSION", "PACKAGE"});
    for (const json::Value& one : packages)
        table.add({text_at(one, "name"), text_at(one, "version"), text_at(one, "package")});
    print(table.text());
}

CLI::App* add(CLI::App& group, Session& session, const Options& options, const char* name, const char* what,
              void (*run)(Session&, const PackageOptions&)) {
    auto* command = group.add_subcommand(name, what);
    command->callback([options, &session, run] { run(session, *options); });
    return command;
}

}  // namespace

void add_package_commands(CLI::App& app, Session& session) {
    auto* group = app.add_subcommand("package", "Contracts: scaffold, build, test, inspect, verify, publish");
    group->require_subcommand(1);
    const auto options = std::make_shared<PackageOptions>();
    auto* make = add(*group, session, options, "new", "Write a small complete contract to begin with", new_package);
    make->add_option("NAME", options->name, "[a-z][a-z0-9-]*")->required();
    make->add_option("--in", options->folder, "folder to make it in")->capture_default_str();
    auto* builder = add(*group, session, options, "build",
                        "Compile a folder to a package; the same sources give the same id", build);
    builder->add_option("FOLDER", options->folder, "folder with contract.yaml")->capture_default_str();
    builder->add_option("-o,--output", options->out, "file to write; by default NAME-VERSION.tar");
    add(*group, session, options, "test", "Build a folder and run its tests/*.yaml in the real runtime", test)
        ->add_option("FOLDER", options->folder, "folder with contract.yaml")
        ->capture_default_str();
    add(*group, session, options, "inspect", "Show a package's contract and provenance", inspect)
        ->add_option("PACKAGE", options->file, "a package file, or the id of one on the node")
        ->required();
    auto* verifier = add(*group, session, options, "verify",
                         "Check a package; with --from-source, that these sources give it", verify);
    verifier->add_option("PACKAGE", options->file, "a package file, or the id of one on the node")->required();
    verifier->add_option("--from-source", options->sources, "folder to rebuild and compare");
    add(*group, session, options, "publish", "Upload a package to the node (operators)", publish)
        ->add_option("FILE", options->file, "package file")
        ->required();
    auto* fetcher = add(*group, session, options, "fetch", "Download a package from the node, and check it", fetch);
    fetcher->add_option("PACKAGE", options->file, "its id")->required();
    fetcher->add_option("-o,--output", options->out, "file to write; by default NAME-VERSION.tar");
    add(*group, session, options, "list", "Packages on the node", list)
        ->add_option("--limit", options->limit, "at most so many")
        ->capture_default_str();
}

}  // namespace concordat::cli
