// The disk as the record ledger sees it: one flat folder of append-only segments and of files that are replaced whole.
// A port, so that tests can lose power, fill up and lie. Every error is Error(disk) naming the file.
#pragma once
#include <base/bytes.hpp>
#include <base/file.hpp>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace concordat::ledger::confidential {

class AppendFile {
  public:
    virtual ~AppendFile() = default;
    virtual void append(ByteView bytes) = 0;  // after an error any prefix of the bytes may have been written
    virtual void sync() = 0;                  // fdatasync(2)
};

class Disk {
  public:
    virtual ~Disk() = default;
    virtual std::vector<std::string> list() = 0;
    virtual std::optional<std::uint64_t> size(const std::string& name) = 0;  // empty when there is no such file
    // A new, empty file whose name is durable already.
    virtual std::unique_ptr<AppendFile> create(const std::string& name) = 0;
    virtual std::size_t read(const std::string& name, std::uint64_t offset, std::span<std::uint8_t> out) = 0;
    virtual void truncate(const std::string& name, std::uint64_t size) = 0;  // durable on return
    virtual void remove(const std::string& name) = 0;                        // durable on return; no error when absent
    virtual void write_atomic(const std::string& name, ByteView bytes) = 0;  // the old or the new content, never a part
};

class FolderDisk final : public Disk {
  public:
    explicit FolderDisk(std::filesystem::path folder) : folder_(std::move(folder)) {}
    std::vector<std::string> list() override;
    std::optional<std::uint64_t> size(const std::string& name) override;
    std::unique_ptr<AppendFile> create(const std::string& name) override;
    std::size_t read(const std::string& name, std::uint64_t offset, std::span<std::uint8_t> out) override;
    void truncate(const std::string& name, std::uint64_t size) override;
    void remove(const std::string& name) override;
    void write_atomic(const std::string& name, ByteView bytes) override;

  private:
    UniqueFd open(const std::string& name, int flags) const;
    void sync_folder() const;

    std::filesystem::path folder_;
};

// A whole file. Throws Error(not_found) naming it when it is not there.
Bytes read_whole(Disk& disk, const std::string& name);

}  // namespace concordat::ledger::confidential
