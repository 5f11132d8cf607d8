// Who agreed to what, and on whose word the record stands.
#include <algorithm>

#include "sections.hpp"

namespace concordat::audit {
namespace {

std::string package_text(const Facts& facts, const Hash256& package) {
    const auto found = facts.packages.find(package);
    return found == facts.packages.end() ? "" : found->second.name + " " + found->second.version;
}

void put_keys(Html& html, const std::vector<crypto::PublicKey>& keys) {
    for (const crypto::PublicKey& key : keys) {
        const auto line = html.in("div");
        html.put("code", key.kid());
        html.text(" " + std::string(crypto::alg_name(key.alg())));
    }
}

}  // namespace

void put_parties(const Report& report) {
    const auto& [html, facts, about] = report;
    const Section section(html, "parties", "Parties");
    if (facts.versions.empty()) {
        html.put("p", "No version of the agreement could be read.");
        return;
    }
    const contract::Binding& binding = facts.versions.back().binding;
    {
        const auto keep = html.in("div", {{"class", "keep"}});
        TableOf table(html, "Parties of the version in force, by role, with the thumbprints of their keys (RFC 7638)",
                      {{"Party", false, "27%"},
                       {"Role", false, "12%"},
                       {"Signature keys", false, "38%"},
                       {"Reads with", false, "10%"},
                       {"Known from", false, "13%"}});
        for (const contract::Party& party : binding.parties) {
            const auto line = table.row();
            {
                const auto cell = table.cell(true);
                html.put("b", cut(party.id, 256));
            }
            table.put(party.role);
            {
                const auto cell = table.cell(true);
                put_keys(html, party.keys);
            }
            table.put(count_text(party.encryption.size(), "key", "keys"));
            const auto cell = table.cell();
            if (facts.trusted_parties.contains(party.id)) {
                put(html, Word{"proved", "trust file", ""});
            } else {
                put(html, Word{"asserted", "agreement", ""});
            }
        }
    }
    if (binding.sources.empty()) return;
    TableOf table(html, "Sources of observations", {{"Source"}, {"Id"}, {"Signature keys"}});
    for (const contract::SourceOrigin& source : binding.sources) {
        const auto line = table.row();
        table.put(source.name);
        table.put(cut(source.id, 256));
        const auto cell = table.cell(true);
        put_keys(html, source.keys);
    }
}

// --------------------------------------------------------------------------------------------------------- versions

namespace {

std::string rule_text(const contract::AmendmentRule& rule) {
    std::string out;
    switch (rule.kind) {
        case contract::AmendmentRule::Kind::all:
            out = "every party signs";
            break;
        case contract::AmendmentRule::Kind::m_of_n:
            out = "any " + std::to_string(rule.m) + " parties sign";
            break;
        case contract::AmendmentRule::Kind::roles:
            out = "the parties of these roles sign:";
            for (const std::string& role : rule.roles) out += " " + role;
            break;
    }
    if (rule.self) out += "; a party changes its own keys by itself";
    return out + (rule.pause ? "; meanwhile paused" : "; meanwhile it goes on") + ", for at most " +
           std::to_string(rule.deadline_hours) + " hours";
}

void put_ledger(Html& html, TableOf& table, const std::string& name, std::string about,
                const contract::LedgerTarget& target, const json::Value* account) {
    const auto line = table.row();
    {
        const auto cell = table.cell();
        html.put("b", name);
        if (!target.asset.empty()) about += " paid in " + target.asset;
        if (target.is_private) about += " private";
        html.text(about);
    }
    {
        const auto cell = table.cell(true);
        put_id(html, target.chain);
        html.empty("br");
        put_id(html, target.genesis);
    }
    {
        const auto cell = table.cell(true);
        put_id(html, target.address);
    }
    {
        const auto cell = table.cell(true);
        put_id(html, account != nullptr && account->is_string() ? std::string(account->get_string()) : "–");
        html.text(target.owner ? " shared, owner " + target.owner->text() : "");
    }
    {
        const auto cell = table.cell();
        html.text(count_text(target.finality.blocks, "block", "blocks") + " deep, witness " + target.finality.witness);
        if (target.finality_seconds) html.text(", at most " + std::to_string(*target.finality_seconds) + " s");
        if (!target.finality.parameters.empty()) {
            html.text(" ");
            put_id(html, cut(json::canonical(target.finality.parameters), 2000));
        }
    }
    table.put("work " + grouped(std::to_string(target.work)) + ", price " + grouped(std::to_string(target.ceiling)) +
              ", given up after " + std::to_string(target.deadline_minutes) + " min");
}

void put_ledgers(Html& html, const Facts& facts, const VersionFact& version) {
    if (version.binding.ledgers.empty()) return;
    TableOf table(html, "Other ledgers that it acts on",
                  {{"Ledger", false, "10%"},
                   {"Chain and first block", false, "24%"},
                   {"What is called", false, "20%"},
                   {"Enclaves’ account", false, "20%"},
                   {"Final when", false, "13%"},
                   {"Limits", false, "13%"}});
    const auto package = facts.packages.find(version.binding.package);
    for (const auto& [name, place] : version.binding.ledgers) {
        std::string about;
        if (package != facts.packages.end() && package->second.kinds.contains(name))
            about = " " + package->second.kinds.at(name);
        const json::Value* accounts = version.accounts.if_contains(name);
        for (std::size_t i = 0; i < place.candidates.size(); ++i) {
            const contract::LedgerTarget& target = place.candidates[i];
            if (!place.is_routed()) {
                put_ledger(html, table, name, about, target, accounts);
                continue;
            }
            const json::Object* candidates = accounts == nullptr ? nullptr : accounts->if_object();
            put_ledger(html, table, name,
                       about + ", candidate " + std::to_string(i + 1) + " of " +
                           std::to_string(place.candidates.size()) + ": chosen for each transaction.",
                       target, candidates == nullptr ? nullptr : candidates->if_contains(target.chain));
        }
    }
}

void put_version(const Report& report, const VersionFact& version) {
    const auto& [html, facts, about] = report;
    const auto article = html.in("article");
    html.put("h3", "Version " + std::to_string(version.binding.number) + ", in force from entry " +
                       std::to_string(version.sequence) + ", " + time_text(version.time) + " UTC");
    {
        const auto list = html.in("dl");
        const auto id = [&](Markup name, const std::string& value) {
            html.put("dt", name.view());
            const auto cell = html.in("dd");
            put_id(html, value);
        };
        id("Digest", version.binding.hash.text());
        html.put("dt", "Package");
        {
            const auto cell = html.in("dd");
            html.text(package_text(facts, version.binding.package) + " ");
            put_id(html, version.binding.package.text());
        }
        html.put("dt", "Verdict");
        {
            const auto cell = html.in("dd");
            Word word = word_of(version.standing);
            if (version.standing == Standing::holds) word.word = "proved";
            if (version.standing == Standing::fails) word.why = version.problem;
            put(html, word);
        }
        html.put("dt", "Amended when");
        html.put("dd", rule_text(version.binding.amendment));
        if (!version.terms.empty()) {
            html.put("dt", "Terms");
            const auto cell = html.in("dd", {{"class", "small lines"}});
            put(html, version.terms);
        }
    }
    {
        const auto keep = html.in("div", {{"class", "keep"}});
        TableOf table(
            html, "Signatures on this version",
            {{"Signed by", false, "30%"}, {"Role", false, "15%"}, {"Key", false, "37%"}, {"Signature", false, "18%"}});
        for (const Signature& one : version.signatures) {
            const auto line = table.row();
            table.put(one.party.empty() ? "a key of no party" : cut(one.party, 256));
            table.put(one.role);
            {
                const auto cell = table.cell(true);
                put_id(html, one.kid);
                html.text(" " + one.algorithm);
            }
            const auto cell = table.cell();
            if (version.standing == Standing::unchecked) {
                put(html, Word{"unchecked", "not verified", ""});
            } else {
                put(html, one.holds ? Word{"proved", "proved", ""} : Word{"bad", "does not hold", ""});
            }
        }
    }
    put_ledgers(html, facts, version);
}

}  // namespace

void put_versions(const Report& report) {
    const auto& [html, facts, about] = report;
    const Section section(html, "versions", "Versions of the contract");
    constexpr std::size_t most = 64;
    const std::size_t count = facts.versions.size();
    if (count > most)
        html.put("p",
                 "The first and the last " + std::to_string(most - 1) + " of " + std::to_string(count) + " versions.");
    for (std::size_t i = 0; i < count; ++i) {
        if (i == 0 || i + most > count) put_version(report, facts.versions[i]);
    }
}

// --------------------------------------------------------------------------------------------------------- platform

namespace {

std::string evidence_text(const std::string& kind, bool hardware) {
    return (kind.empty() ? "unknown" : kind) + (hardware ? ", protected by hardware" : ", not hardware-protected");
}

void put_accepted(Html& html, const contract::Binding& binding) {
    std::string kinds;
    for (const std::string& kind : binding.enclaves.evidence) kinds += (kinds.empty() ? "" : ", ") + kind;
    const auto list = html.in("dl");
    html.put("dt", "Accepted evidence");
    html.put("dd", kinds + "; security version " + std::to_string(binding.enclaves.minimum_svn) + " or newer; " +
                       (binding.dedicated ? "an enclave of its own" : "enclaves shared with other agreements"));
    html.put("dt", "Accepted code");
    {
        const auto cell = html.in("dd");
        for (const Hash256& one : binding.enclaves.measurements) {
            const auto line = html.in("div");
            put_id(html, one.text());
        }
    }
    if (binding.enclaves.development_roots.empty()) return;
    html.put("dt", "Development roots");
    const auto cell = html.in("dd");
    for (const Hash256& one : binding.enclaves.development_roots) {
        const auto line = html.in("div");
        put_id(html, one.text());
    }
}

}  // namespace

void put_platform(const Report& report) {
    const auto& [html, facts, about] = report;
    const Section section(html, "platform", "Enclaves and record ledger");
    if (!facts.versions.empty()) {
        html.put("h3", "What the version in force accepts");
        put_accepted(html, facts.versions.back().binding);
    }
    {
        TableOf table(html, "Enclaves that made the entries",
                      {{"Key", false, "25%"},
                       {"Code", false, "33%"},
                       {"Evidence", false, "16%"},
                       {"Entries", true, "12%"},
                       {"Verdict", false, "14%"}});
        for (const auto& [kid, enclave] : facts.enclaves) {
            const auto line = table.row();
            {
                const auto cell = table.cell(true);
                put_id(html, kid);
            }
            {
                const auto cell = table.cell(true);
                html.text(enclave.product + ", security version " + std::to_string(enclave.svn) + " ");
                put_id(html, enclave.measurement.text());
            }
            table.put(evidence_text(enclave.kind, enclave.hardware));
            table.put(std::to_string(enclave.entries) + " (" + std::to_string(enclave.first) + " to " +
                      std::to_string(enclave.last) + ")");
            const auto cell = table.cell();
            Word word = word_of(enclave.standing);
            if (enclave.standing == Standing::holds) word = {"attested", "attested", ""};
            if (enclave.standing == Standing::fails) word.why = enclave.problem;
            if (enclave.standing == Standing::unchecked) word.why.clear();
            put(html, word);
        }
    }
    if (!facts.ledger) return;
    const RecordLedgerFact& ledger = *facts.ledger;
    html.put("h3", "Record ledger");
    const auto list = html.in("dl");
    html.put("dt", "Ledger");
    {
        const auto cell = html.in("dd");
        put_id(html, ledger.chain);
    }
    html.put("dt", "Service key");
    {
        const auto cell = html.in("dd");
        put_id(html, ledger.service_key);
    }
    html.put("dt", "Code");
    {
        const auto cell = html.in("dd");
        html.text(ledger.product + ", security version " + std::to_string(ledger.svn) + " ");
        put_id(html, ledger.measurement.text());
    }
    html.put("dt", "Evidence");
    html.put("dd", evidence_text(ledger.kind, ledger.hardware));
    html.put("dt", "Nodes");
    html.put("dd", ledger.single_node ? "a single one: it cannot see by itself that its disk was rolled back"
                                      : "it does not say that it is a single one");
    html.put("dt", "Verdict");
    const auto cell = html.in("dd");
    Word word = word_of(ledger.standing);
    if (ledger.standing == Standing::holds)
        word = {"attested", "attested", "that each entry is in its log is proved by its signature"};
    if (ledger.standing == Standing::fails) word.why = ledger.problem;
    put(html, word);
}

}  // namespace concordat::audit
