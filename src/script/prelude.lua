-- Makes the tables that all scripts share read-only, and wraps what could get around that.
--
-- A shared table is shown as a proxy: an empty table whose metatable reads from the real one and refuses writes.
-- This chunk returns the globals that scripts see. Its functions use upvalues only: their environment is empty.

local host, api, libraries = ...

local _G = host.globals
local rawget, rawset, next, pairs, type = _G.rawget, _G.rawset, _G.next, _G.pairs, _G.type
local setmetatable, getmetatable, pcall, xpcall = _G.setmetatable, _G.getmetatable, _G.pcall, _G.xpcall
local tostring, tonumber, setfenv, getfenv = _G.tostring, _G.tonumber, _G.setfenv, _G.getfenv
local error, collectgarbage, newproxy = _G.error, _G.collectgarbage, _G.newproxy
local resume = _G.coroutine.resume
local refuse_plainly = host.refuse_plainly
local refuse, message, object, check_alive = host.refuse, host.message, host.object, host.check_alive
local unpack, loadstring = host.base.unpack, host.base.loadstring

-- The environment of the functions below, by which they are known.
local own = getfenv(1)
-- What scripts see as theirs.
local globals

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

-- As `caught`, but errors that are tables stay so.
local function resumed(ok, ...)
    if ok then
        return true, ...
    end
    check_alive()
    return false, object((...))
end

local env = {}

for _, name in pairs({ "tostring", "assert", "tonumber", "rawequal", "getmetatable", "type", "select",
    "ipairs", "_VERSION", "error", "gcinfo" }) do
    env[name] = _G[name]
end

function env.pcall(...)
    return caught(pcall(...))
end

function env.xpcall(body, handler)
    return resumed(xpcall(body, function(problem)
        -- Nothing interrupts the handler of an error that a hook has raised.
        check_alive()
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

env.unpack, env.loadstring = unpack, loadstring

-- A level of the stack as it is counted one level deeper; or a function.
local function seen_from_here(f)
    local level = tonumber(f)
    return level and level > 0 and level + 1 or f
end

function env.setfenv(f, ...)
    f = seen_from_here(f)
    local kind = type(f)
    if tonumber(f) == 0 or (kind == "function" or kind == "number") and getfenv(f) == own then
        refuse_plainly()
    end
    local changed = setfenv(f, ...)
    return changed
end

function env.getfenv(f)
    local scope = getfenv(seen_from_here(f == nil and 1 or f))
    return scope == own and globals or scope
end

-- One with a metatable could have a finalizer, and nothing interrupts finalizers.
function env.newproxy(of)
    if of then
        error("newproxy with a metatable is not supported", 2)
    end
    return newproxy(false)
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
    return loadstring(text, ... or "=(load)")
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
    return resumed(resume(...))
end

local maths = {}
for name, f in pairs(_G.math) do
    maths[name] = f
end
maths.random, maths.randomseed = host.random, host.randomseed

for name, f in pairs(host.patterns) do
    _G.string[name] = f
end
_G.string.gfind = _G.string.gmatch
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

local view
globals, view = protect(env, host.missing)
env._G = globals

-- What the code of a library sees while it is loaded: nothing but a small `redis`.
local library = setmetatable({ redis = protect(host.library, host.missing) }, { __index = host.missing })

local function show(loading)
    view.__index = loading and library or env
end

return globals, env, show
