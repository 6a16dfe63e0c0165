-- Makes the tables that all scripts share read-only, and wraps what could get around that.
--
-- A shared table is shown as a proxy: an empty table whose metatable reads from the real one and refuses writes.
-- This chunk returns the globals that scripts see. Its functions use upvalues only: their environment is empty.

local host, api, libraries = ...

local _G = host.globals
local pairs, type, setmetatable, getmetatable = _G.pairs, _G.type, _G.setmetatable, _G.getmetatable
local pcall, xpcall, error, newproxy = _G.pcall, _G.xpcall, _G.error, _G.newproxy
local select, concat, resume = _G.select, _G.table.concat, _G.coroutine.resume
local refuse, message, object, check_alive = host.refuse, host.message, host.object, host.check_alive

-- `false` stands for no metatable.
local sealed = setmetatable({}, { __newindex = refuse, __metatable = false, [host.mark] = {} })

local function protect(real, missing)
    if missing then
        setmetatable(real, { __index = missing })
    end
    local view = { __index = real, __newindex = refuse, __metatable = false, [host.mark] = real }
    return setmetatable({}, view), view
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

for _, name in pairs({ "tostring", "assert", "tonumber", "rawequal", "type", "select",
    "ipairs", "_VERSION", "error", "gcinfo" }) do
    env[name] = _G[name]
end
for _, checked in pairs(host.base) do
    for name, f in pairs(checked) do
        env[name] = f
    end
end
local loadstring = env.loadstring

function env.pcall(...)
    if select("#", ...) == 0 then
        -- As where a placeholder is called for want of a function.
        return caught(pcall(true))
    end
    return caught(pcall(...))
end

local checked = {}

function checked.xpcall(body, handler)
    return resumed(xpcall(body, function(problem)
        -- Nothing interrupts the handler of an error that a hook has raised.
        check_alive()
        return handler(object(problem))
    end))
end

local function read_all(reader)
    local pieces = {}
    while true do
        local piece = reader()
        if piece == nil or piece == "" then
            return concat(pieces)
        end
        if type(piece) ~= "string" and type(piece) ~= "number" then
            error("reader function must return a string", 0)
        end
        pieces[#pieces + 1] = piece
    end
end

function checked.load(reader, name)
    local ok, text = caught(pcall(read_all, reader))
    if not ok then
        return nil, text
    end
    return loadstring(text, name or "=(load)")
end

function checked.resume(...)
    return resumed(resume(...))
end

local fronts = host.behind_checks(checked)
env.load, env.xpcall = fronts.load, fronts.xpcall

-- One with a metatable could have a finalizer, and nothing interrupts finalizers.
function env.newproxy(of)
    if of then
        error("newproxy with a metatable is not supported", 2)
    end
    return newproxy(false)
end

local tables = {}
for name, f in pairs(_G.table) do
    tables[name] = f
end
for name, f in pairs(host.tables) do
    tables[name] = f
end

local coroutines = {}
for name, f in pairs(_G.coroutine) do
    coroutines[name] = f
end
coroutines.resume = fronts.resume

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
strings.__metatable = protect({ __index = env.string })

local globals, view = protect(env, host.missing)
view.__metatable = sealed
env._G = globals
-- For `getfenv`.
_G.getfenv(1).globals = globals

-- What the code of a library sees while it is loaded: nothing but a small `redis`.
local library = setmetatable({ redis = protect(host.library, host.missing) }, { __index = host.missing })

local function show(loading)
    view.__index = loading and library or env
end

return globals, env, show
