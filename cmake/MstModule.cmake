# One function declares a module of muster: its sources, and the only modules and libraries that it may use.
# A folder's headers are visible only to those that name it here, so a forbidden include does not compile.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)

# Static libraries go into the agent's loadable modules too.
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

add_library(mst_flags INTERFACE)
target_compile_options(mst_flags INTERFACE
  -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition -Wpointer-arith
  -Wcast-qual -Wwrite-strings -Wformat=2 -Wundef -Wvla -Wno-missing-field-initializers
  -fno-common -fstack-protector-strong
  -ffp-contract=off) # a*b+c fused on some machines and not on others would give other bytes
target_compile_definitions(mst_flags INTERFACE _GNU_SOURCE MST_VERSION="${MST_VERSION}"
  $<$<CONFIG:Release,RelWithDebInfo>:_FORTIFY_SOURCE=2>)
if(MST_SANITIZE)
  target_compile_options(mst_flags INTERFACE -fsanitize=${MST_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(mst_flags INTERFACE -fsanitize=${MST_SANITIZE})
  if(CMAKE_C_COMPILER_ID STREQUAL GNU)
    # Instrumented code hides lengths from gcc 12, which then guesses. The release build keeps the warning.
    target_compile_options(mst_flags INTERFACE -Wno-format-truncation)
  endif()
endif()

# The libraries of Debian that muster is built on, as imported targets.
pkg_check_modules(sodium REQUIRED IMPORTED_TARGET libsodium)
pkg_check_modules(yaml REQUIRED IMPORTED_TARGET yaml-0.1)
pkg_check_modules(uv REQUIRED IMPORTED_TARGET libuv)
pkg_check_modules(sqlite REQUIRED IMPORTED_TARGET sqlite3)
pkg_check_modules(gnutls REQUIRED IMPORTED_TARGET gnutls)
pkg_check_modules(mhd REQUIRED IMPORTED_TARGET libmicrohttpd)
pkg_check_modules(jansson REQUIRED IMPORTED_TARGET jansson)
pkg_check_modules(curl REQUIRED IMPORTED_TARGET libcurl)
pkg_check_modules(yajl REQUIRED IMPORTED_TARGET yajl)
pkg_check_modules(zlib REQUIRED IMPORTED_TARGET zlib)
pkg_check_modules(hiredis REQUIRED IMPORTED_TARGET hiredis)
pkg_check_modules(pcre2 REQUIRED IMPORTED_TARGET libpcre2-8)
pkg_check_modules(hyperscan IMPORTED_TARGET libhs) # not packaged for other than x86: PCRE2 stands alone there
pkg_check_modules(systemd IMPORTED_TARGET libsystemd) # without it tails of a journal are not to be had
find_library(MST_NNG_LIBRARY nng REQUIRED)
find_library(MST_MSGPACK_LIBRARY NAMES msgpackc msgpack-c REQUIRED)
add_library(mst_nng INTERFACE)
target_link_libraries(mst_nng INTERFACE ${MST_NNG_LIBRARY} Threads::Threads)
add_library(mst_msgpack INTERFACE)
target_link_libraries(mst_msgpack INTERFACE ${MST_MSGPACK_LIBRARY})

# mst_module(NAME SOURCES file... USES target...)
# Makes the static library mst_NAME from this folder. Public headers: include/ below it. USES: the only permitted dependencies.
function(mst_module name)
  cmake_parse_arguments(arg "" "" "SOURCES;USES" ${ARGN})
  add_library(mst_${name} STATIC ${arg_SOURCES})
  target_include_directories(mst_${name} PUBLIC ${CMAKE_CURRENT_SOURCE_DIR}/include PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
  target_link_libraries(mst_${name} PUBLIC ${arg_USES} PRIVATE mst_flags)
endfunction()
