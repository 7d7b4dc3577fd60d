"""Two small OData services on loopback, strict about what the protocol wants: 2.0 as SAP speaks it, and 4.0."""

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import unquote

from aiohttp import web

PAGE = 2
"""Entities that a service gives at once."""

METADATA_2 = """<?xml version="1.0" encoding="utf-8"?>
<edmx:Edmx Version="1.0" xmlns:edmx="http://schemas.microsoft.com/ado/2007/06/edmx"
  xmlns:m="http://schemas.microsoft.com/ado/2007/08/dataservices/metadata" xmlns:sap="http://www.sap.com/Protocols/SAPData">
 <edmx:DataServices m:DataServiceVersion="2.0">
  <Schema Namespace="ZSHOP" xmlns="http://schemas.microsoft.com/ado/2008/09/edm">
   <EntityType Name="Order" sap:content-version="1">
    <Key><PropertyRef Name="Id"/></Key>
    <Property Name="Id" Type="Edm.String" Nullable="false" MaxLength="10" sap:label="订单号"/>
    <Property Name="Customer" Type="Edm.String" MaxLength="40" sap:label="客户"/>
    <Property Name="Total" Type="Edm.Decimal" Precision="15" Scale="2" sap:label="金额"/>
    <Property Name="Created" Type="Edm.DateTime" sap:label="下单日期"/>
    <Property Name="Address" Type="Edm.String" sap:label="收货地址"/>
    <Property Name="Changed" Type="Edm.DateTime" sap:creatable="false" sap:updatable="false" sap:filterable="false"/>
    <NavigationProperty Name="Items" Relationship="ZSHOP.OrderItems" FromRole="o" ToRole="i"/>
   </EntityType>
   <EntityType Name="Item">
    <Key><PropertyRef Name="Order"/><PropertyRef Name="Line"/></Key>
    <Property Name="Order" Type="Edm.String" Nullable="false"/>
    <Property Name="Line" Type="Edm.Int64" Nullable="false"/>
    <Property Name="Product" Type="Edm.String"/>
   </EntityType>
   <Association Name="OrderItems">
    <End Type="ZSHOP.Order" Multiplicity="1" Role="o"/><End Type="ZSHOP.Item" Multiplicity="*" Role="i"/>
   </Association>
   <EntityContainer Name="ZSHOP_Entities" m:IsDefaultEntityContainer="true">
    <EntitySet Name="Orders" EntityType="ZSHOP.Order" sap:deletable="false" sap:label="销售订单"/>
    <EntitySet Name="Items" EntityType="ZSHOP.Item" sap:creatable="false" sap:updatable="false" sap:deletable="false"/>
    <FunctionImport Name="Release" ReturnType="ZSHOP.Order" m:HttpMethod="POST">
     <Parameter Name="Id" Type="Edm.String" Mode="In" Nullable="false"/></FunctionImport>
    <FunctionImport Name="Search" ReturnType="Collection(ZSHOP.Order)" EntitySet="Orders" m:HttpMethod="GET">
     <Parameter Name="Text" Type="Edm.String" Mode="In"/></FunctionImport>
   </EntityContainer>
  </Schema>
 </edmx:DataServices>
</edmx:Edmx>"""

METADATA_4 = """<?xml version="1.0" encoding="utf-8"?>
<edmx:Edmx Version="4.0" xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx"><edmx:DataServices>
 <Schema Namespace="Shop" Alias="S" xmlns="http://docs.oasis-open.org/odata/ns/edm">
  <EnumType Name="State"><Member Name="Open"/><Member Name="Shipped"/></EnumType>
  <TypeDefinition Name="Money" UnderlyingType="Edm.Decimal"/>
  <ComplexType Name="Place"><Property Name="City" Type="Edm.String"/>
   <Property Name="Inside" Type="S.Place"/></ComplexType>
  <EntityType Name="Thing" Abstract="true"><Key><PropertyRef Name="Id"/></Key>
   <Property Name="Id" Type="Edm.Int32" Nullable="false"/></EntityType>
  <EntityType Name="Order" BaseType="S.Thing">
   <Property Name="Customer" Type="Edm.String" Nullable="false"/>
   <Property Name="State" Type="S.State"/>
   <Property Name="Total" Type="S.Money"/>
   <Property Name="Due" Type="Edm.Date"/>
   <Property Name="Place" Type="S.Place"/>
   <Property Name="Made" Type="Edm.DateTimeOffset">
    <Annotation Term="Org.OData.Core.V1.Computed" Bool="true"/></Property>
   <NavigationProperty Name="Notes" Type="Collection(S.Note)" ContainsTarget="true"/>
  </EntityType>
  <EntityType Name="Note"><Key><PropertyRef Name="Id"/></Key>
   <Property Name="Id" Type="Edm.Guid" Nullable="false"/></EntityType>
  <Action Name="Cancel" IsBound="true"><Parameter Name="it" Type="S.Order"/>
   <Parameter Name="Reason" Type="Edm.String" Nullable="false"/></Action>
  <Function Name="Latest" IsBound="true"><Parameter Name="them" Type="Collection(S.Order)"/>
   <Parameter Name="Count" Type="Edm.Int32" Nullable="false"/><ReturnType Type="Collection(S.Order)"/></Function>
  <Function Name="Tax"><Parameter Name="Of" Type="Edm.Decimal" Nullable="false"/>
   <ReturnType Type="Edm.Decimal"/></Function>
  <EntityContainer Name="Container">
   <EntitySet Name="Orders" EntityType="S.Order"/>
   <EntitySet Name="Archive" EntityType="S.Order"><Annotation Term="Org.OData.Capabilities.V1.InsertRestrictions">
     <Record><PropertyValue Property="Insertable" Bool="false"/></Record></Annotation></EntitySet>
   <Singleton Name="Me" Type="S.Order"/>
   <FunctionImport Name="Tax" Function="S.Tax"/>
  </EntityContainer>
  <Annotations Target="S.Container/Archive">
   <Annotation Term="Org.OData.Capabilities.V1.UpdateRestrictions"><Record>
     <PropertyValue Property="Updatable" Bool="false"/></Record></Annotation>
   <Annotation Term="Org.OData.Capabilities.V1.DeleteRestrictions"><Record>
     <PropertyValue Property="Deletable" Bool="false"/></Record></Annotation>
  </Annotations>
 </Schema></edmx:DataServices></edmx:Edmx>"""


class Shop:
    """The orders of one service, and what it was asked."""

    def __init__(self, *, old: bool, csrf: bool = False) -> None:
        self.old = old
        self.csrf = csrf
        self.token = "token-1"
        self.asked: list[tuple[str, str]] = []
        self.bodies: list[Any] = []
        self.refuses_inside = False
        self.orders: dict[str, dict[str, Any]] = {
            str(number): self._made(str(number), customer, total)
            for number, customer, total in ((1, "O'Neil", "10.50"), (2, "华星", "99.00"), (3, "华星", "7.00"))
        }

    def _made(self, key: str, customer: str, total: str) -> dict[str, Any]:
        if self.old:
            return {
                "Id": key,
                "Customer": customer,
                "Total": total,
                "Created": "/Date(1764547200000)/",
                "Address": "旧",
            }
        return {"Id": int(key), "Customer": customer, "Total": float(total), "State": "Open", "Due": "2026-12-01"}

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer one request."""
        path = unquote(request.raw_path.partition("?")[0])
        self.asked.append((request.method, unquote(request.raw_path.replace("+", "%20"))))
        if path == "/$metadata":
            return web.Response(text=METADATA_2 if self.old else METADATA_4, content_type="application/xml")
        if self.csrf and (refused := self._forged(request)) is not None:
            return refused
        if (request.headers.get("OData-Version") is None) != self.old:
            return self._error(400, "no version said")
        if self.refuses_inside:
            return web.json_response({"error": {"code": "X/1", "message": {"value": "账期已关闭"}}})
        if match := re.fullmatch(r"/Orders\((.*)\)(/.*)?", path):
            return await self._one(request, self._key(match[1]), match[2] or "")
        if path == "/Orders":
            return await self._new(request) if request.method == "POST" else self._list(request)
        return self._function(request, path)

    def _forged(self, request: web.Request) -> web.StreamResponse | None:
        if request.headers.get("X-CSRF-Token", "").lower() == "fetch":
            response = web.json_response({"d": {"EntitySets": ["Orders"]}}, headers={"X-CSRF-Token": self.token})
            response.set_cookie("SAP_SESSIONID", f"session-of-{self.token}")
            return response
        if request.method in ("GET", "HEAD"):
            return None
        good = request.headers.get("X-CSRF-Token") == self.token
        if good and request.cookies.get("SAP_SESSIONID") == f"session-of-{self.token}":
            return None
        return web.Response(status=403, text="CSRF token validation failed", headers={"X-CSRF-Token": "Required"})

    def _key(self, written: str) -> str:
        pattern = r"'(.*)'" if self.old else r"(\d+)"
        match = re.fullmatch(pattern, written)
        assert match is not None, written
        return match[1]

    async def _one(self, request: web.Request, key: str, rest: str) -> web.StreamResponse:
        found = self.orders.get(key)
        if found is None:
            return self._error(404, "没有这个订单")
        if rest:
            self.bodies.append(await request.json())
            return web.json_response({"@odata.context": "$metadata#Orders/$entity", **found, "State": "Shipped"})
        if request.method == "GET":
            return self._entity(found)
        if request.headers.get("If-Match") not in ("*", self._etag(found)):
            return self._error(412, "changed by somebody else")
        if request.method == "DELETE":
            del self.orders[key]
            return web.Response(status=204)
        assert request.method == ("MERGE" if self.old else "PATCH")
        self.bodies.append(body := await request.json())
        found.update(body)
        return web.Response(status=204) if self.old else self._entity(found)

    async def _new(self, request: web.Request) -> web.StreamResponse:
        self.bodies.append(body := await request.json())
        key = str(body.get("Id") or len(self.orders) + 1)
        self.orders[key] = {"Id": key if self.old else int(key), **body}
        return self._entity(self.orders[key], status=201)

    def _list(self, request: web.Request) -> web.StreamResponse:
        if unknown := set(request.query) - {"$filter", "$top", "$skip", "$skiptoken", "$orderby", "$select", "$expand"}:
            return self._error(400, f"unknown option {unknown}")
        found = [one for one in self.orders.values() if self._fits(one, request.query.get("$filter", ""))]
        start = int(request.query.get("$skiptoken", request.query.get("$skip", "0")))
        page = found[start : start + min(PAGE, int(request.query.get("$top", "100")))]
        wrapped = [self._wrapped(one) for one in page]
        link = f"{request.url.origin()}/Orders?$skiptoken={start + PAGE}&evil=http://169.254.169.254"
        more = start + PAGE < len(found)
        if self.old:
            return web.json_response({"d": {"results": wrapped, **({"__next": link} if more else {})}})
        return web.json_response({"value": wrapped, **({"@odata.nextLink": link} if more else {})})

    def _fits(self, one: Mapping[str, Any], wanted: str) -> bool:
        return all(self._holds(one, part.strip()) for part in wanted.split(" and ") if part.strip())

    def _holds(self, one: Mapping[str, Any], part: str) -> bool:
        match = re.fullmatch(r"\(?(\w+) (eq|ge|le) (.+?)\)?", part)
        assert match is not None, part
        name, how, literal = match.groups()
        value = str(one[name])
        if match := re.fullmatch(r"'(.*)'", literal):
            other = match[1].replace("''", "'")
        elif self.old and name == "Total":
            assert re.fullmatch(r"[\d.]+M", literal), literal
            return float(value) >= float(literal[:-1]) if how == "ge" else float(value) <= float(literal[:-1])
        elif self.old:
            assert re.fullmatch(r"datetime'[\dT:-]+'", literal), literal
            return True
        else:
            other = literal.removeprefix("Shop.State'").rstrip("'")
            if name == "Total":
                return float(value) >= float(other) if how == "ge" else float(value) <= float(other)
        return value == other if how == "eq" else (value >= other if how == "ge" else value <= other)

    def _function(self, request: web.Request, path: str) -> web.StreamResponse:
        if path == "/Release":
            assert request.query["Id"] == "'1'"
            return self._entity(self.orders["1"])
        if path == "/Search":
            return web.json_response({"d": {"results": [self._wrapped(self.orders["1"])]}})
        if path == "/Tax(Of=100)":
            return web.json_response({"@odata.context": "$metadata#Edm.Decimal", "value": 13})
        if path == "/Orders/Shop.Latest(Count=1)":
            return web.json_response({"value": [self._wrapped(self.orders["3"])]})
        return self._error(404, f"no {path}")

    def _etag(self, one: Mapping[str, Any]) -> str:
        return f'W/"{abs(hash(str(sorted(one.items(), key=str))))}"'

    def _wrapped(self, one: Mapping[str, Any]) -> dict[str, Any]:
        if self.old:
            more = {"Items": {"__deferred": {"uri": "…/Items"}}}
            return {"__metadata": {"uri": "…", "type": "ZSHOP.Order", "etag": self._etag(one)}, **one, **more}
        return {"@odata.etag": self._etag(one), **one}

    def _entity(self, one: Mapping[str, Any], status: int = 200) -> web.StreamResponse:
        if self.old:
            return web.json_response({"d": self._wrapped(one)}, status=status)
        return web.json_response({"@odata.context": "$metadata#Orders/$entity", **self._wrapped(one)}, status=status)

    def _error(self, status: int, words: str) -> web.StreamResponse:
        message: Any = {"lang": "zh", "value": words} if self.old else words
        return web.json_response({"error": {"code": "SHOP/1", "message": message}}, status=status)


@asynccontextmanager
async def shop(*, old: bool, csrf: bool = False) -> AsyncIterator[tuple[Shop, str]]:
    """Start a service; yield it and its address."""
    service = Shop(old=old, csrf=csrf)
    application = web.Application()
    application.router.add_route("*", "/{tail:.*}", service.answer)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield service, f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
