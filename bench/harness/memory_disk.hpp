// The ledger's disk in memory, for what must not depend on a real one.
#pragma once
#include <base/error.hpp>
#include <ledger/confidential/core/disk.hpp>
#include <map>

namespace concordat::bench {

class MemoryDisk final : public ledger::confidential::Disk {
  public:
    std::vector<std::string> list() override {
        std::vector<std::string> names;
        for (const auto& [name, content] : files_) names.push_back(name);
        return names;
    }
    std::optional<std::uint64_t> size(const std::string& name) override {
        const auto found = files_.find(name);
        return found == files_.end() ? std::nullopt : std::optional<std::uint64_t>(found->second.size());
    }
    std::unique_ptr<ledger::confidential::AppendFile> create(const std::string& name) override {
        return std::make_unique<Appender>(files_[name]);
    }
    std::size_t read(const std::string& name, std::uint64_t offset, std::span<std::uint8_t> out) override {
        const Bytes& data = files_.at(name);
        if (offset >= data.size()) return 0;
        const std::size_t n = std::min<std::size_t>(out.size(), data.size() - offset);
        std::copy_n(data.begin() + static_cast<std::ptrdiff_t>(offset), n, out.begin());
        return n;
    }
    void truncate(const std::string& name, std::uint64_t size) override { files_.at(name).resize(size); }
    void remove(const std::string& name) override { files_.erase(name); }
    void write_atomic(const std::string& name, ByteView bytes) override { files_[name] = to_bytes(bytes); }

  private:
    class Appender final : public ledger::confidential::AppendFile {
      public:
        explicit Appender(Bytes& data) : data_(data) {}
        void append(ByteView bytes) override { data_.insert(data_.end(), bytes.begin(), bytes.end()); }
        void sync() override {}

      private:
        Bytes& data_;
    };
    std::map<std::string, Bytes> files_;
};

}  // namespace concordat::bench
