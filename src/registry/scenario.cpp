#include "scenario.hpp"

#include <algorithm>
#include <base/file.hpp>
#include <map>

#include "archive.hpp"
#include "yaml.hpp"

namespace concordat::registry {
namespace {

namespace fs = std::filesystem;

constexpr TimeMs minute_ms = 60'000;
constexpr std::size_t max_differences = 32;

struct Refusal {
    std::string code, text;
};

Refusal refusal_of(const Error& error) {
    if (error.code() == Code::contract_aborted) {
        const std::size_t colon = error.rule().find(": ");
        if (colon != std::string::npos) return {error.rule().substr(0, colon), error.rule().substr(colon + 2)};
    }
    return {std::string(code_name(error.code())), error.field() + " " + error.rule()};
}

void differ(std::vector<std::string>& out, const std::string& path, const std::string& expected,
            const json::Value* got) {
    if (out.size() >= max_differences) return;
    out.push_back(path + ": expected " + expected + ", got " + (got == nullptr ? "nothing" : json::canonical(*got)));
}

void compare(std::vector<std::string>& out, const json::Value& expected, const json::Value* actual,
             const std::string& path) {
    if (expected.is_null() && (actual == nullptr || actual->is_null())) return;
    if (expected.is_null()) return differ(out, path, "nothing", actual);
    if (expected.is_object()) {
        if (actual == nullptr || !actual->is_object()) return differ(out, path, json::canonical(expected), actual);
        for (const auto& member : expected.get_object()) {
            compare(out, member.value(), actual->get_object().if_contains(member.key()),
                    path + "/" + std::string(member.key()));
        }
        return;
    }
    if (expected.is_array()) {
        const auto* list = actual == nullptr ? nullptr : actual->if_array();
        if (list == nullptr || list->size() != expected.get_array().size()) {
            return differ(out, path, json::canonical(expected), actual);
        }
        for (std::size_t i = 0; i < list->size(); ++i) {
            compare(out, expected.get_array()[i], &(*list)[i], path + "/" + std::to_string(i));
        }
        return;
    }
    if (actual == nullptr || *actual != expected) differ(out, path, json::canonical(expected), actual);
}

class Run {
  public:
    Run(const YamlNode& root, const std::string& file, const std::shared_ptr<const LoadedPackage>& package,
        const PackageFinder& find)
        : in_(root, file, ""), file_(file), package_(package), find_(find) {
        result_.file = file;
    }

    ScenarioResult run() {
        result_.description = in_.text_or("description", "", 1000);
        begin();
        const YamlNode& steps = in_.any("steps");
        if (steps.kind != YamlNode::Kind::sequence) in_.fail(steps, "steps", "must be a list");
        if (steps.items.size() > max_scenario_steps) {
            throw Error(Code::too_large, in_.at(steps.line, "steps"),
                        "at most " + std::to_string(max_scenario_steps) + " steps");
        }
        in_.finish("description, from, terms, time, initial, steps");
        for (const YamlNode& node : steps.items) {
            if (!result_.passed() || !binding_) break;
            step(node);
        }
        return std::move(result_);
    }

  private:
    void begin() {
        const std::shared_ptr<const LoadedPackage> first =
            in_.node().find("from") != nullptr ? find_(in_.text("from")) : package_;
        json::Object terms = object(in_, "terms");
        const TimeMs time =
            parse_time(in_.text_or("time", "2026-01-01T00:00:00.000Z"), in_.at(in_.node().line, "time"));
        const YamlNode* initial = in_.find("initial");
        static const YamlNode nothing = YamlNode::of(YamlNode::Kind::map, 0);
        YamlReader expectation = in_.inside(initial == nullptr ? nothing : *initial, "initial");
        label_ = "initial";
        attempt(expectation, expectation, [&] {
            binding_.emplace(first, std::move(terms), time);
            return binding_->initial();
        });
        expectation.finish("state, events, refused");
    }

    void step(const YamlNode& node) {
        YamlReader one = in_.inside(node, "steps");
        const YamlNode* time = one.find("time");
        const TimeMs at =
            time == nullptr ? binding_->time() + minute_ms : parse_time(one.text("time"), one.at(time->line, "time"));
        const YamlNode* expect = one.find("expect");
        static const YamlNode nothing = YamlNode::of(YamlNode::Kind::map, 0);
        YamlReader expectation = one.inside(expect == nullptr ? nothing : *expect, "expect");
        if (const YamlNode* amend = one.find("amend")) {
            label_ = "amend";
            YamlReader change = one.inside(*amend, "amend");
            json::Object terms = change.node().find("terms") != nullptr ? object(change, "terms") : binding_->terms();
            change.finish("terms");
            attempt(one, expectation, [&] { return binding_->amend(package_, std::move(terms), at); });
        } else {
            const std::string by = one.text("by");
            const std::string id = one.text_or("id", by);
            const std::string action = one.text_or("action", "");
            label_ = action.empty() ? by : action;
            const json::Object message =
                one.node().find("message") != nullptr ? object(one, "message") : json::Object{};
            attempt(one, expectation, [&] { return binding_->handle(by, id, action, message, at); });
        }
        one.finish("by, id, action, message, time, expect, refused, amend");
        expectation.finish("state, result, effects, events");
    }

    // Runs `act` and holds what came of it against `refused` (beside the step) or the expectation.
    template <class Act>
    void attempt(YamlReader& step, YamlReader& expectation, Act&& act) {
        const YamlNode* refused = step.find("refused");
        const int line = std::max(1, step.node().line);
        try {
            const LocalOutput output = act();
            result_.fuel += output.fuel;
            check_output(expectation, output, line);
            if (refused != nullptr) problem(line, "expected to be refused, but it was accepted");
        } catch (const Error& error) {
            const Refusal refusal = refusal_of(error);
            if (refused == nullptr) {
                problem(line, "refused with " + refusal.code + ": " + refusal.text);
                for (const char* key : {"state", "result", "effects", "events"}) expectation.find(key);
            } else {
                check_refusal(step, *refused, refusal, line);
            }
        }
        if (result_.passed()) ++result_.steps;
    }

    void check_refusal(YamlReader& step, const YamlNode& refused, const Refusal& refusal, int line) {
        std::string code, text;
        if (refused.kind == YamlNode::Kind::map) {
            YamlReader in = step.inside(refused, "refused");
            code = in.text("code");
            text = in.text_or("text", "");
            in.finish("code, text");
        } else {
            code = step.text("refused");
        }
        if (refusal.code != code || refusal.text.find(text) == std::string::npos) {
            problem(line, "expected to be refused with " + code + (text.empty() ? "" : " (\"" + text + "\")") +
                              ", got " + refusal.code + ": " + refusal.text);
        }
    }

    void check_output(YamlReader& expectation, const LocalOutput& output, int line) {
        const json::Value state(binding_->state());
        const json::Value result = output.result ? json::Value(*output.result) : json::Value(nullptr);
        const json::Value effects(output.effects), events(output.events);
        const std::initializer_list<std::pair<const char*, const json::Value*>> parts{
            {"state", &state}, {"result", &result}, {"effects", &effects}, {"events", &events}};
        for (const auto& [name, actual] : parts) {
            const YamlNode* expected = expectation.find(name);
            if (expected == nullptr) continue;
            for (const std::string& difference : partial_differences(yaml_to_json(*expected, file_), actual, name)) {
                problem(line, difference);
            }
        }
    }

    json::Object object(YamlReader& in, std::string_view key) {
        const YamlNode& node = in.any(key);
        json::Value value = yaml_to_json(node, file_);
        if (value.is_null()) return {};
        if (!value.is_object()) in.fail(node, key, "must be a map of keys to values");
        return std::move(value.get_object());
    }

    void problem(int line, const std::string& what) {
        result_.problems.push_back(file_ + ":" + std::to_string(line) + " " + label_ + ": " + what);
    }

    YamlReader in_;
    const std::string& file_;
    const std::shared_ptr<const LoadedPackage>& package_;
    const PackageFinder& find_;
    std::string label_;
    std::optional<LocalBinding> binding_;
    ScenarioResult result_;
};

std::vector<fs::path> scenario_files(const fs::path& folder) {
    std::vector<fs::path> files;
    if (!fs::is_directory(folder / "tests")) return files;
    for (const auto& entry : fs::directory_iterator(folder / "tests")) {
        if (entry.path().extension() != ".yaml" || !entry.is_regular_file()) continue;
        if (files.size() >= max_scenarios) {
            throw Error(Code::too_large, "tests", "at most " + std::to_string(max_scenarios) + " scenarios");
        }
        files.push_back(entry.path());
    }
    std::ranges::sort(files);
    return files;
}

}  // namespace

std::vector<std::string> partial_differences(const json::Value& expected, const json::Value* actual,
                                             const std::string& path) {
    std::vector<std::string> out;
    compare(out, expected, actual, path);
    return out;
}

ScenarioResult run_scenario(std::string_view yaml, const std::string& file,
                            const std::shared_ptr<const LoadedPackage>& package, const PackageFinder& find) {
    const YamlNode root = parse_yaml(yaml, file);
    return Run(root, file, package, find).run();
}

bool PackageTest::passed() const { return std::ranges::all_of(scenarios, &ScenarioResult::passed); }

PackageTest test_package(const fs::path& folder, const Toolchain& toolchain, const enclave::runtime::Engine& engine) {
    PackageTest out{build_package(folder, toolchain, engine), {}};
    const std::shared_ptr<const LoadedPackage> package = load_package(out.package, engine);
    std::map<std::string, std::shared_ptr<const LoadedPackage>> others;  // several scenarios begin under the same one
    const PackageFinder find = [&](const std::string& from) {
        auto& other = others[from];
        if (other) return other;
        const fs::path place = folder / from;
        other = load_package(
            fs::is_directory(place) ? build_package(place, toolchain, engine) : read_archive_file(place), engine);
        return other;
    };
    for (const fs::path& path : scenario_files(folder)) {
        const std::string name = "tests/" + path.filename().string();
        try {
            out.scenarios.push_back(run_scenario(read_text_file(path, max_yaml_bytes), name, package, find));
        } catch (const Error& error) {
            ScenarioResult broken;
            broken.file = name;
            broken.problems.push_back(error.field() + ": " + error.rule());
            out.scenarios.push_back(std::move(broken));
        }
    }
    return out;
}

}  // namespace concordat::registry
