# SPDX-License-Identifier: Apache-2.0
# The Debian package, made by `./dev package`: everything that is installed anyhow, and the component `package`, which goes
# to fixed places and so into no other installation.

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_CONTACT "Växel authors <maintainers@users.noreply.vaxel.example>")
set(CPACK_INSTALL_CMAKE_PROJECTS "${PROJECT_BINARY_DIR};vaxel;Unspecified;/;${PROJECT_BINARY_DIR};vaxel;package;/")
set(CPACK_SET_DESTDIR ON)
set(CPACK_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
# The operator's time zone; and the user is made by systemd-sysusers.
set(CPACK_DEBIAN_PACKAGE_DEPENDS "tzdata, systemd | systemd-standalone-sysusers")
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "postgresql (>= 15), redis-server (>= 5:7), haproxy, prometheus")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION "Decides in milliseconds whether a traveller may buy on the company's account,
against the limits of credit, traveller, departments and organisation at once.
Redis counts, PostgreSQL records; an approval is told when it is committed.

This package has vaxeld, the switch; vaxel, its command line; vaxel-wallet, the
wallet of the Swedish BoB Traveller API; and systemd units. Nothing is enabled
or started before it has been set up.")
foreach(file conffiles postinst prerm postrm)
    list(APPEND CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${PROJECT_SOURCE_DIR}/deploy/debian/${file})
endforeach()

# package_install(DESTINATION FILE... [RENAME name])
function(package_install destination)
    install(FILES ${ARGN} DESTINATION ${destination} COMPONENT package EXCLUDE_FROM_ALL)
endfunction()

configure_file(deploy/debian/changelog.in ${PROJECT_BINARY_DIR}/changelog.Debian @ONLY)
file(GLOB pages ${PROJECT_SOURCE_DIR}/docs/*.md ${PROJECT_SOURCE_DIR}/docs/*.json)
file(GLOB units ${PROJECT_SOURCE_DIR}/deploy/systemd/*.service ${PROJECT_SOURCE_DIR}/deploy/systemd/*.socket)
package_install(/lib/systemd/system ${units})
package_install(/usr/lib/sysusers.d deploy/systemd/vaxel.sysusers RENAME vaxel.conf)
package_install(/etc/vaxel config/vaxel.ini)
package_install(/usr/share/doc/vaxel deploy/debian/copyright README.md ${pages})
package_install(/usr/share/doc/vaxel CHANGELOG.md RENAME changelog)
package_install(/usr/share/doc/vaxel ${PROJECT_BINARY_DIR}/changelog.Debian)
package_install(/usr/share/vaxel/proto/vaxel/v1 proto/vaxel/v1/switch.proto)
# What others are set up with.
install(DIRECTORY docs/examples deploy/haproxy deploy/prometheus deploy/grafana DESTINATION /usr/share/doc/vaxel
    COMPONENT package EXCLUDE_FROM_ALL)
# The dashboard's pages, where they have been built.
install(DIRECTORY build/dashboard/ DESTINATION /usr/share/vaxel/dashboard COMPONENT package EXCLUDE_FROM_ALL OPTIONAL)

find_program(GZIP gzip REQUIRED)
install(CODE "
    file(GLOB_RECURSE plain \"\$ENV{DESTDIR}/usr/share/man/*.[1-9]\" \"\$ENV{DESTDIR}/usr/share/doc/vaxel/changelog*\")
    execute_process(COMMAND ${GZIP} -9n -f \${plain} COMMAND_ERROR_IS_FATAL ANY)
" COMPONENT package EXCLUDE_FROM_ALL)
include(CPack)
