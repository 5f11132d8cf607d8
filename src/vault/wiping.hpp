// Memory for JSON documents that hold secrets: wiped when it is given back. Outlives the documents in it.
#pragma once
#include <base/secret.hpp>
#include <boost/json/memory_resource.hpp>
#include <boost/json/storage_ptr.hpp>
#include <new>

namespace concordat::vault {

class WipingMemory final : public boost::json::memory_resource {
    void* do_allocate(std::size_t size, std::size_t alignment) override {
        return ::operator new(size, std::align_val_t(alignment));
    }
    void do_deallocate(void* memory, std::size_t size, std::size_t alignment) override {
        wipe(memory, size);
        ::operator delete(memory, size, std::align_val_t(alignment));
    }
    bool do_is_equal(const boost::json::memory_resource& other) const noexcept override { return this == &other; }
};

}  // namespace concordat::vault
