/* bcc's histogram helpers are not used. */
#pragma once
