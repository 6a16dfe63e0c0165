-- Makes the tables that all scripts share read-only, and wraps what could get around that.
--
-- A shared table is shown as a proxy: an empty table whose metatable reads from the real one and refuses writes.
-- This chunk returns the globals that scripts see. Its functions use upvalues only: their environment is empty.

local host, api, libraries = ...

local _G = host.globals
local rawget, rawset, next, pairs, type = _G.rawget, _G.rawset, _G.next, _G.pairs, _G.type
local setmetatable, getmetatable, pcall, xpcall = _G.setmetatable, _G.getmetatable, _G.pcall, _G.xpcall
local tostring, select, unpack, setfenv, loadstring = _G.tostring, _G.select, _G.unpack, _G.setfenv, _G.loadstring
local error, collectgarbage = _G.error, _G.collectgarbage
local resume = _G.coroutine.resume
local refuse_plainly = host.refuse_plainly
local refuse, message, object, check_alive = host.refuse, host.message, host.object, host.check_alive
local is_bytecode = host.is_bytecode

-- The real table of each proxy.
local real_of = {}

local sealed = setmetatable({}, { __newindex = refuse, __metatable = false })
real_of[sealed] = {}

local function protect(real, missing)
    if missing then
        setmetatable(real, { __index = missing })
    end
    local proxy = {}
    local view = { __index = real, __newindex = refuse, __metatable = sealed }
    real_of[proxy] = real
    return setmetatable(proxy, view), view
end

local function caught(ok, ...)
    if ok then
        return true, ...
    end
    check_alive()
    return false, message((...))
end

local env = {}

for _, name in pairs({ "tostring", "getfenv", "assert", "tonumber", "rawequal", "getmetatable", "type", "select",
    "ipairs", "_VERSION", "error", "gcinfo", "newproxy" }) do
    env[name] = _G[name]
end

function env.pcall(...)
    return caught(pcall(...))
end

function env.xpcall(body, handler)
    return caught(xpcall(body, function(problem)
        return handler(object(problem))
    end))
end

function env.setmetatable(...)
    if real_of[(...)] then
        refuse_plainly()
    end
    return setmetatable(...)
end

function env.rawset(...)
    if real_of[(...)] then
        refuse_plainly()
    end
    return rawset(...)
end

function env.rawget(t, key)
    return rawget(real_of[t] or t, key)
end

function env.next(t, key)
    return next(real_of[t] or t, key)
end

function env.pairs(t)
    local real = real_of[t]
    if not real then
        return pairs(t)
    end
    return function(_, key)
        return next(real, key)
    end, t, nil
end

function env.unpack(t, from, to)
    if from or to then
        if (to or #t) - (from or 1) >= 8000 then
            error("too many results to unpack", 2)
        end
        return unpack(t, from, to)
    end
    return unpack(t)
end

function env.setfenv(f, ...)
    if f == 0 or f == "0" then
        refuse_plainly()
    end
    return setfenv(f, ...)
end

local function restarted(...)
    collectgarbage("restart")
    return ...
end

function env.loadstring(text, ...)
    if is_bytecode(text) then
        return nil, "attempt to load a binary chunk"
    end
    -- A collection while the parser holds unanchored objects has been exploited (CVE-2025-49844).
    collectgarbage("stop")
    return restarted(loadstring(text, ...))
end

function env.load(reader, ...)
    local text = ""
    while true do
        local piece = reader()
        if piece == nil or piece == "" then
            break
        end
        text = text .. piece
    end
    return env.loadstring(text, ... or "=(load)")
end

local harmless = { collect = true, count = true, step = true }

function env.collectgarbage(what, ...)
    if what == nil or harmless[what] then
        return collectgarbage(what, ...)
    end
    return 0
end

local tables = {}
for name, f in pairs(_G.table) do
    tables[name] = f
end
for _, name in pairs({ "insert", "remove", "sort" }) do
    local f = tables[name]
    tables[name] = function(...)
        if real_of[(...)] then
            refuse_plainly()
        end
        return f(...)
    end
end

local coroutines = {}
for name, f in pairs(_G.coroutine) do
    coroutines[name] = f
end
function coroutines.resume(...)
    return caught(resume(...))
end

local maths = {}
for name, f in pairs(_G.math) do
    maths[name] = f
end
maths.random, maths.randomseed = host.random, host.randomseed

env.string = protect(_G.string)
env.table = protect(tables)
env.math = protect(maths)
env.coroutine = protect(coroutines)
env.os = protect({ clock = _G.os.clock })
for name, library in pairs(libraries) do
    env[name] = protect(library)
end
env.redis = protect(api)

local strings = getmetatable("")
strings.__index = env.string
strings.__metatable = sealed

local globals, view = protect(env, host.missing)
env._G = globals

-- What the code of a library sees while it is loaded: nothing but a small `redis`.
local library = setmetatable({ redis = protect(host.library, host.missing) }, { __index = host.missing })

local function show(loading)
    view.__index = loading and library or env
end

return globals, env, show
