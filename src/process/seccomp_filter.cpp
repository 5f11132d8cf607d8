#include "seccomp_filter.hpp"

#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <base/error.hpp>
#include <cerrno>
#include <cstring>
#include <initializer_list>
#include <memory>

namespace concordat::process {
namespace {

// Sanitisers read /proc and trace threads at exit; under them the filter would end every run.
#if defined(CONCORDAT_SANITIZED)
constexpr bool sanitised = true;
#else
constexpr bool sanitised = false;
#endif

struct Release {
    void operator()(void* context) const { seccomp_release(context); }
};

class Filter {
  public:
    Filter() : context_(seccomp_init(SCMP_ACT_KILL_PROCESS)) {
        if (context_ == nullptr) error_ = ENOMEM;
        set(SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
        set(SCMP_FLTATR_CTL_NNP, 0);       // set by the caller, and reported on its own
        set(SCMP_FLTATR_CTL_OPTIMIZE, 2);  // a tree by number: the filter runs at every call
    }
    void set(scmp_filter_attr attribute, std::uint32_t value) {
        if (error_ == 0) note(seccomp_attr_set(context_.get(), attribute, value));
    }
    void rule(std::uint32_t action, const std::string& name, std::initializer_list<scmp_arg_cmp> arguments = {}) {
        const int number = seccomp_syscall_resolve_name(name.c_str());
        if (number == __NR_SCMP_ERROR) throw Error(Code::config, name, "is not a system call");
        // Negative: another architecture's call, which this one cannot make.
        if (number < 0 || error_ != 0) return;
        note(seccomp_rule_add_array(context_.get(), action, number, static_cast<unsigned>(arguments.size()),
                                    arguments.begin()));
    }
    int load() {
        if (error_ == 0) note(seccomp_load(context_.get()));
        return error_;
    }

  private:
    void note(int result) {
        if (result < 0) error_ = -result;
    }
    std::unique_ptr<void, Release> context_;
    int error_ = 0;
};

scmp_arg_cmp equals(unsigned argument, std::uint64_t value) { return {argument, SCMP_CMP_EQ, value, 0}; }
scmp_arg_cmp differs(unsigned argument, std::uint64_t value) { return {argument, SCMP_CMP_NE, value, 0}; }
scmp_arg_cmp has_bits(unsigned argument, std::uint64_t bits) { return {argument, SCMP_CMP_MASKED_EQ, bits, bits}; }
scmp_arg_cmp lacks_bits(unsigned argument, std::uint64_t bits) { return {argument, SCMP_CMP_MASKED_EQ, bits, 0}; }

bool contains(const std::vector<std::string>& names, std::string_view name) {
    for (const auto& one : names)
        if (one == name) return true;
    return false;
}

// Calls whose arguments decide. Each has both sides spelled out where the other side is not the end of the process: a
// rule without arguments for the same call would swallow the ones with.
void add_conditional(Filter& filter, const SandboxRules& rules) {
    const auto refuse = SCMP_ACT_ERRNO(EACCES);
    filter.rule(SCMP_ACT_ALLOW, "clone", {has_bits(0, CLONE_THREAD | CLONE_VM)});
    filter.rule(SCMP_ACT_ERRNO(ENOSYS), "clone3");
    filter.rule(SCMP_ACT_ALLOW, "tgkill", {equals(0, static_cast<std::uint64_t>(getpid()))});
    filter.rule(SCMP_ACT_ALLOW, "prctl", {equals(0, PR_SET_NAME)});
    filter.rule(refuse, "prctl", {differs(0, PR_SET_NAME)});
    filter.rule(SCMP_ACT_ALLOW, "prlimit64", {equals(2, 0)});
    filter.rule(refuse, "prlimit64", {differs(2, 0)});
    // The C library's fstat: a descriptor and an empty path. Any other path is refused where stat is.
    if (contains(rules.allowed, "newfstatat")) return;
    filter.rule(SCMP_ACT_ALLOW, "newfstatat", {has_bits(3, AT_EMPTY_PATH)});
    filter.rule(refuse, "newfstatat", {lacks_bits(3, AT_EMPTY_PATH)});
}

}  // namespace

std::string enter_seccomp(const SandboxRules& rules) {
    if (sanitised) return "this is a sanitiser build";
    Filter filter;
    for (const auto& name : rules.allowed) filter.rule(SCMP_ACT_ALLOW, name);
    for (const auto& name : rules.refused) filter.rule(SCMP_ACT_ERRNO(EACCES), name);
    add_conditional(filter, rules);
    const int error = filter.load();
    return error == 0 ? "" : strerror(error);
}

}  // namespace concordat::process
