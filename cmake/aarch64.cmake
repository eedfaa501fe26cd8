# Builds for aarch64 on another machine, by the preset of that name: Debian's cross compiler (g++-aarch64-linux-gnu),
# the libraries of an unpacked arm64 system (OSSFS2_SYSROOT; scripts/aarch64_system.sh makes one) and, to run what was
# built, qemu (qemu-user-static).
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)

if(NOT OSSFS2_SYSROOT)
  set(OSSFS2_SYSROOT $ENV{OSSFS2_SYSROOT})
endif()
if(NOT OSSFS2_SYSROOT)
  set(OSSFS2_SYSROOT ${CMAKE_CURRENT_LIST_DIR}/../build/aarch64-system)
endif()
set(OSSFS2_SYSROOT ${OSSFS2_SYSROOT} CACHE PATH "An unpacked arm64 system")
if(NOT IS_DIRECTORY "${OSSFS2_SYSROOT}/usr/lib/aarch64-linux-gnu")
  message(FATAL_ERROR "OSSFS2_SYSROOT (\"${OSSFS2_SYSROOT}\") is no folder with an arm64 system: see scripts/aarch64_system.sh")
endif()
# CMake's own trial projects read this file too, and do not get the cache.
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES OSSFS2_SYSROOT OSSFS2_QEMU)

# Without a number only where the package g++-aarch64-linux-gnu is installed.
find_program(OSSFS2_CROSS_CXX NAMES aarch64-linux-gnu-g++ aarch64-linux-gnu-g++-12 REQUIRED)
set(CMAKE_CXX_COMPILER ${OSSFS2_CROSS_CXX})
set(CMAKE_SYSROOT ${OSSFS2_SYSROOT})
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)

set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
set(ENV{PKG_CONFIG_DIR} "")
set(ENV{PKG_CONFIG_LIBDIR} ${OSSFS2_SYSROOT}/usr/lib/aarch64-linux-gnu/pkgconfig:${OSSFS2_SYSROOT}/usr/share/pkgconfig)
set(ENV{PKG_CONFIG_SYSROOT_DIR} ${OSSFS2_SYSROOT})

# Their build runs the test programs, to list the tests.
find_program(OSSFS2_QEMU NAMES qemu-aarch64-static qemu-aarch64)
if(OSSFS2_QEMU)
  set(CMAKE_CROSSCOMPILING_EMULATOR ${OSSFS2_QEMU};-L;${OSSFS2_SYSROOT})
else()
  set(OSSFS2_BUILD_TESTS OFF CACHE BOOL "No qemu-aarch64 to run them" FORCE)
endif()
