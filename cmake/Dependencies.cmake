# What every part links, found once. docs/dependencies.md gives the reason for each.
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(OpenSSL 3.0 REQUIRED)
find_package(Boost 1.81 REQUIRED COMPONENTS json url)
find_package(fmt REQUIRED)
pkg_check_modules(SODIUM REQUIRED IMPORTED_TARGET libsodium)
pkg_check_modules(SECP256K1 REQUIRED IMPORTED_TARGET libsecp256k1)
pkg_check_modules(SQLITE REQUIRED IMPORTED_TARGET sqlite3)
pkg_check_modules(SECCOMP REQUIRED IMPORTED_TARGET libseccomp)
pkg_check_modules(RE2 REQUIRED IMPORTED_TARGET re2)
pkg_check_modules(ARCHIVE REQUIRED IMPORTED_TARGET libarchive)
# The archive, not the shared library: of nettle only the Keccak permutation's object goes into the trusted programs.
find_library(NETTLE_ARCHIVE libnettle.a REQUIRED)
find_path(NETTLE_INCLUDE nettle/sha3.h REQUIRED)
add_library(nettle_archive INTERFACE)
target_include_directories(nettle_archive SYSTEM INTERFACE ${NETTLE_INCLUDE})
target_link_libraries(nettle_archive INTERFACE ${NETTLE_ARCHIVE})
# The allocator of the programs that have an enclave's threads. Sanitizers bring their own.
find_library(MIMALLOC_LIBRARY mimalloc REQUIRED)
add_library(concordat_allocator INTERFACE)
if(NOT CONCORDAT_SANITIZE)
  target_link_libraries(concordat_allocator INTERFACE ${MIMALLOC_LIBRARY})
endif()
find_package(yaml-cpp REQUIRED)
find_package(CLI11 REQUIRED)
find_package(prometheus-cpp REQUIRED COMPONENTS core)

# wasmtime: placed by tools/install.sh from its published wheel and crate, both pinned by hash.
set(WASMTIME_ROOT ${CMAKE_SOURCE_DIR}/build/toolchain/wasmtime)
if(NOT EXISTS ${WASMTIME_ROOT}/lib/libwasmtime.so)
  message(FATAL_ERROR "wasmtime is not installed: run tools/install.sh (or any make target)")
endif()
add_library(wasmtime SHARED IMPORTED)
set_target_properties(wasmtime PROPERTIES
  IMPORTED_NO_SONAME TRUE
  IMPORTED_LOCATION ${WASMTIME_ROOT}/lib/libwasmtime.so
  INTERFACE_INCLUDE_DIRECTORIES ${WASMTIME_ROOT}/include)

if(CONCORDAT_TESTS)
  find_package(GTest REQUIRED)
  find_path(RAPIDCHECK_INCLUDE rapidcheck.h REQUIRED)
  find_library(RAPIDCHECK_LIBRARY rapidcheck REQUIRED)
  add_library(rapidcheck INTERFACE)
  target_include_directories(rapidcheck SYSTEM INTERFACE ${RAPIDCHECK_INCLUDE})
  target_link_libraries(rapidcheck INTERFACE ${RAPIDCHECK_LIBRARY})
  add_library(rapidcheck_gtest INTERFACE)
endif()

if(CONCORDAT_SANITIZE)
  add_compile_definitions(CONCORDAT_SANITIZED)  # compilers do not agree on a name
endif()
if(CONCORDAT_SANITIZE STREQUAL "address")
  # By clang, and ready for libFuzzer: one build for the unit tests and the fuzz targets.
  add_compile_options(-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
elseif(CONCORDAT_SANITIZE STREQUAL "thread")
  # The fences that it does not follow are in Asio, beside atomics that it does.
  # g++ 12 takes a coroutine's own operator new and delete, once inlined, for another's.
  add_compile_options(-fsanitize=thread -fno-omit-frame-pointer -Wno-tsan -Wno-mismatched-new-delete)
  add_link_options(-fsanitize=thread)
endif()
