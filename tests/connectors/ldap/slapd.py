"""OpenLDAP's slapd, a directory of another house, as a process of its own on loopback."""

import atexit
import shutil
import socket
import subprocess
import tempfile
import time
from functools import cache
from pathlib import Path

import pytest

from tests.certificate import certify

PASSWORD = "geheim-geheim"
SCHEMAS = Path("/etc/ldap/schema")

SETTINGS = """
include {schemas}/core.schema
include {schemas}/cosine.schema
include {schemas}/nis.schema
include {schemas}/inetorgperson.schema
pidfile {folder}/pid
modulepath /usr/lib/ldap
moduleload back_mdb
TLSCertificateFile {folder}/cert.pem
TLSCertificateKeyFile {folder}/key.pem
database mdb
suffix "dc=example,dc=com"
rootdn "cn=admin,dc=example,dc=com"
rootpw nobody-knows-it
directory {folder}/data
access to attrs=userPassword by anonymous auth by * none
access to * by users read by * none
"""

ENTRIES = """
dn: dc=example,dc=com
objectClass: dcObject
objectClass: organization
o: 华星
dc: example

dn: ou=people,dc=example,dc=com
objectClass: organizationalUnit
ou: people

dn: cn=worker,dc=example,dc=com
objectClass: person
cn: worker
sn: worker
userPassword: {password}

dn: uid=zhangsan,ou=people,dc=example,dc=com
objectClass: inetOrgPerson
uid: zhangsan
cn: 张三
sn: 张
mail: zhangsan@example.com
telephoneNumber: 13800138000
departmentNumber: 研发部
jpegPhoto:: /9j/4AAQSkZJRgABAQ==
userPassword: private

dn: uid=lisi,ou=people,dc=example,dc=com
objectClass: inetOrgPerson
uid: lisi
cn: 李四 (外包)
sn: 李
mail: lisi@example.com
departmentNumber: 研发部

dn: cn=dev,dc=example,dc=com
objectClass: groupOfNames
cn: dev
member: uid=zhangsan,ou=people,dc=example,dc=com
member: uid=gone,ou=people,dc=example,dc=com
member: cn=admin,dc=elsewhere,dc=com
"""


class Slapd:
    """A running directory with two people and a group."""

    def __init__(self, program: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="aiw-slapd-"))
        self.port, self.tls_port = _free_port(), _free_port()
        (self.folder / "data").mkdir()
        self.ca_file = self.folder / "cert.pem"
        certify(self.folder)
        settings = self.folder / "slapd.conf"
        settings.write_text(SETTINGS.format(schemas=SCHEMAS, folder=self.folder))
        people = ENTRIES.format(password=PASSWORD).strip() + "\n"
        load = [program.replace("slapd", "slapadd"), "-f", f"{settings}"]
        subprocess.run(load, input=people.encode(), check=True, capture_output=True)
        addresses = f"ldap://127.0.0.1:{self.port} ldaps://127.0.0.1:{self.tls_port}"
        with (self.folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [program, "-f", f"{settings}", "-h", addresses, "-d", "0"], stdout=log, stderr=log
            )
        deadline = time.monotonic() + 30
        while not _listening(self.port):
            assert self._process.poll() is None, (self.folder / "log").read_text()
            assert time.monotonic() < deadline, (self.folder / "log").read_text()
            time.sleep(0.05)

    def stop(self) -> None:
        """End it and delete its files."""
        self._process.terminate()
        self._process.wait(30)
        shutil.rmtree(self.folder, ignore_errors=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _listening(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), 1):
            return True
    except OSError:
        return False


@cache
def shared_slapd() -> Slapd:
    """Return the directory of this run; skips where there is none."""
    program = shutil.which("slapd") or shutil.which("slapd", path="/usr/sbin")
    if program is None or not SCHEMAS.is_dir():
        pytest.skip("not run: OpenLDAP's slapd is not installed (apt-get install slapd)")
    server = Slapd(program)
    atexit.register(server.stop)
    return server
